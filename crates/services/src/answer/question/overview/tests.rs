use super::*;

fn wants(question: &str) -> Option<Wants> {
    of(question).map(|found| found.wants)
}

/// Whether a question is taken for one about the whole of a store with these files.
fn is_caught(question: &str, files: &[&str]) -> bool {
    match wants(question) {
        None => false,
        Some(Wants::Summary(Of::Called(name))) => files.iter().any(|file| name.is(file)),
        Some(Wants::Summary(Of::Only)) => files.len() == 1,
        Some(_) => true,
    }
}

const FILES: [&str; 4] = ["report.pdf", "Annual_Report-2024.docx", "papers/lease.md", "notes"];

#[test]
fn a_summary_of_all_documents_is_wanted_in_many_words() {
    for question in [
        "Summarise the documents",
        "Please summarize all of the documents for me in three sentences.",
        "What are these documents about?",
        "What is this document about?",
        "What's the document about?",
        "Give me an overview of the documents.",
        "Can you give me a short summary of all files?",
        "What are the main points of these documents?",
        "What do the documents say?",
        "Hello, summarise this PDF please",
        "summarize everything",
        "Summarise everything you have",
        "What does the knowledge base contain?",
        "What is in the document collection?",
        "Fasse das Dokument zusammen.",
        "Fassen Sie bitte alle Dokumente kurz zusammen.",
        "Kannst du diese Dokumente in drei Sätzen zusammenfassen?",
        "Worum geht es in diesen Dokumenten?",
        "Gib mir bitte einen Überblick über die Dateien",
        "Zusammenfassung aller Dokumente",
        "Résume ce document",
        "Résume-moi tous les documents, s'il te plaît.",
        "De quoi parlent ces documents ?",
        "Fais un résumé des documents",
        "Donne-moi un aperçu de ces fichiers.",
        "Resume este documento, por favor",
        "¿De qué tratan estos documentos?",
        "Hazme un resumen de los documentos",
        "Riassumi questo documento",
        "Di cosa parlano questi documenti?",
        "Fammi un riassunto dei documenti",
        "Resuma este documento",
        "Do que tratam estes documentos?",
        "Faça um resumo dos arquivos",
        "Vat dit document samen",
        "Waar gaan deze documenten over?",
        "Geef me een samenvatting van alle documenten",
    ] {
        assert_eq!(wants(question), Some(Wants::Summary(Of::All)), "{question}");
    }
}

#[test]
fn what_is_at_hand_may_be_what_was_said_before() {
    for question in [
        "Summarise",
        "Summarize this.",
        "TL;DR",
        "Give me a summary",
        "What is this about?",
        "Worum geht es hier?",
        "Fasse das zusammen",
        "De quoi s'agit-il ?",
        "¿De qué se trata?",
        "Samenvatting alsjeblieft",
        "Summarise all of them",
        "Summarise all of it",
        "Recap all of this, please",
        "Fasse alle zusammen",
        "Résume tout cela",
        "Resume todo esto",
        "Riassumi tutto questo",
        "Resuma tudo isto",
        "Vat dit alles samen",
    ] {
        assert_eq!(wants(question), Some(Wants::Summary(Of::This)), "{question}");
    }
    assert_eq!(wants("Summarise this report"), Some(Wants::Summary(Of::Only)));
    assert_eq!(wants("What is this contract about?"), Some(Wants::Summary(Of::Only)));
    assert_eq!(wants("Fasse diesen Vertrag zusammen"), Some(Wants::Summary(Of::Only)));
    assert!(!is_caught("Summarise this report", &FILES), "which one?");
}

#[test]
fn a_file_is_named_with_its_ending_or_without() {
    for question in [
        "Summarise report.pdf",
        "Give me an overview of report.pdf",
        "What is \"report.pdf\" about?",
        "What does report.pdf say?",
        "Summarise the file Report.PDF in five bullet points",
        "Summarise the annual report 2024",
        "What is annual_report-2024 about?",
        "Please summarise papers/lease.md",
        "What is the lease about?",
        "Worum geht es in report.pdf?",
        "Fasse lease.md zusammen",
        "Résume le fichier report.pdf",
        "De quoi parle report.pdf ?",
        "Resume report.pdf",
        "Riassumi report.pdf",
        "Waar gaat report.pdf over?",
    ] {
        assert!(is_caught(question, &FILES), "{question}");
        assert!(!is_caught(question, &["another.pdf", "else.md"]), "{question}");
    }
    // Anything may be asked for so: a name must have its ending.
    assert!(wants("Tell me about notes").is_none() && wants("Explain notes").is_none());
    assert!(is_caught("Tell me about report.pdf", &FILES));
}

#[test]
fn which_documents_there_are_is_asked_in_many_words() {
    for (question, language) in [
        ("Which documents are there?", Language::English),
        ("What files do you have?", Language::English),
        ("List all documents.", Language::English),
        ("Please show me the files you have access to", Language::English),
        ("How many documents are there?", Language::English),
        ("Give me a list of all files", Language::English),
        ("What are the names of the files?", Language::English),
        ("Which documents are in this store?", Language::English),
        ("List the files in the vector store", Language::English),
        ("What documents are in the collection?", Language::English),
        ("Welche Dokumente gibt es?", Language::German),
        ("Liste alle Dateien auf", Language::German),
        ("Welche Dokumente sind in der Sammlung?", Language::German),
        ("Zeig mir bitte alle Dokumente", Language::German),
        ("Quels documents y a-t-il ?", Language::French),
        ("Liste les documents", Language::French),
        ("¿Qué documentos hay?", Language::Spanish),
        ("Muéstrame los archivos", Language::Spanish),
        ("Quali documenti ci sono?", Language::Italian),
        ("Elenca i documenti", Language::Italian),
        ("Quais documentos existem?", Language::Portuguese),
        ("Welke documenten zijn er?", Language::Dutch),
    ] {
        let found = of(question).unwrap_or_else(|| panic!("{question}"));
        assert_eq!(found.wants, Wants::List, "{question}");
        assert_eq!(found.language(Language::Other), language, "{question}");
    }
}

#[test]
fn words_to_the_program_are_told_with_their_language() {
    for (question, talk, language) in [
        ("Hello", Talk::Greeting, Language::English),
        ("Hi there! How are you?", Talk::Greeting, Language::English),
        ("thanks", Talk::Thanks, Language::English),
        ("Ok, great, thank you very much!", Talk::Thanks, Language::English),
        ("Hello, what can you do?", Talk::Help, Language::English),
        ("Guten Morgen!", Talk::Greeting, Language::German),
        ("Vielen Dank", Talk::Thanks, Language::German),
        ("Bonjour", Talk::Greeting, Language::French),
        ("Merci beaucoup !", Talk::Thanks, Language::French),
        ("¡Hola!", Talk::Greeting, Language::Spanish),
        ("Grazie mille", Talk::Thanks, Language::Italian),
        ("Olá", Talk::Greeting, Language::Portuguese),
        ("Dank je wel", Talk::Thanks, Language::Dutch),
    ] {
        let found = of(question).unwrap_or_else(|| panic!("{question}"));
        assert_eq!(found.wants, Wants::Talk(talk), "{question}");
        assert_eq!(found.language(Language::Other), language, "{question}");
    }
    let hallo = of("Hallo").expect("a greeting");
    assert_eq!(hallo.language(Language::Dutch), Language::Dutch);
    assert_eq!(hallo.language(Language::English), Language::German);
    assert_eq!(of("ok"), None);
}

#[test]
fn what_is_in_the_documents_is_asked_the_ordinary_way() {
    for question in [
        "What is the contract with Acme about?",
        "Summarise the termination clause",
        "What is chapter 3 about?",
        "Summarise chapter 3 of the documents",
        "Give me an overview of the payment terms",
        "Give me a summary of the board's decisions in May",
        "What do the documents say about parental leave?",
        "What does the document say about heating?",
        "Which documents are needed for a visa?",
        "Which documents mention the merger?",
        "What documents do I have to bring on my first day?",
        "List the files that a build writes",
        "List all error codes.",
        "How many files does the archive have?",
        "Show me the deposit",
        "What are the main points of the agreement with Bonn?",
        "Explain the document retention policy",
        "points",
        "Findings",
        "resume",
        "What is a document?",
        "What are PDF files?",
        "Who signed the document?",
        "When was this document written?",
        "Thanks to whom was the bridge built?",
        "Hello world is printed by which program?",
        "Thank you letters: who writes them?",
        "Good morning greetings in which chapter?",
        "Help for refugees",
        "Worum geht es im dritten Kapitel?",
        "Fasse die Kündigungsregeln zusammen",
        "Welche Dokumente brauche ich für den Antrag?",
        "Was steht in Paragraf 4?",
        "De quoi parle le chapitre 3 ?",
        "Quels documents faut-il fournir ?",
        "¿Qué documentos necesito para el visado?",
        "Riassumi la clausola di recesso",
        "Quais documentos preciso levar?",
        "Welke documenten heb ik nodig?",
        "Waar gaat hoofdstuk 3 over?",
        "How does this work?",
        "Wie funktioniert das?",
        "Wie funktioniert das hier?",
        "Comment ça marche ?",
        "¿Cómo funciona esto?",
        "Come funziona?",
        "Como funciona?",
        "Hoe werkt dit?",
        "Hoe werkt het?",
        "What does this policy cover?",
        "What does the document deal with?",
        "What are the findings?",
        "What are the main findings?",
        "What does the collection contain?",
        "What is the collection about?",
        "What is in the store?",
        "Describe the store",
        "Was enthält die Sammlung?",
        "Que contient la collection ?",
        "¿Qué contiene la colección?",
        "Cosa contiene la raccolta?",
        "O que contém a coleção?",
        "Wat bevat de collectie?",
    ] {
        assert!(!is_caught(question, &FILES), "{question}");
    }
}

/// Questions such as those that people asked of articles.
#[test]
fn no_question_of_a_reader_is_caught() {
    for question in [
        "In what country is Normandy located?",
        "When were the Normans in Normandy?",
        "Who was the Norse leader?",
        "What century did the Normans first gain their separate identity?",
        "What is the original meaning of the word Norman?",
        "What does complexity theory most often seek to quantify?",
        "What is the term for a set of numbers that has no end?",
        "What are two basic primary resources used to gauge complexity?",
        "How many people live in the southern half of the state?",
        "What is the name of the water body that is found to the east?",
        "What are the main threats facing the forest?",
        "Which team won the final?",
        "What did the treaty of 1763 give to Britain?",
        "What was the show about?",
        "What is the main idea of the theory?",
        "What documents did the commission publish in 1992?",
        "What is the book of Mormon about?",
        "What do the files of the Stasi contain?",
        "Who gave a summary of the findings?",
        "What is in the centre of the square?",
        "What does the letter say about the king?",
        "What points did Luther make?",
        "What kind of overview did the survey give?",
        "How are you able to see oxygen?",
        "What can you do with a steam engine?",
        "Who are you likely to meet in the forest?",
        "What is this island called?",
        "What is everything made of?",
        "Where is this documented?",
        "What is all the fuss about?",
        "Which files are stored by the kernel?",
        "What does the word document mean?",
        "What is a summary judgment?",
        "How did the outline of the coast change?",
        "What lists the names of the dead?",
        "What is the plural of file?",
        "Why did they list the documents of the trial?",
        "What is the topic of his second novel?",
        "What were the articles about?",
        "What text did she translate?",
        "Which PDF viewer was released first?",
        "What is the content of nitrogen in air?",
    ] {
        assert!(!is_caught(question, &FILES), "{question}");
    }
}

#[test]
fn words_are_compared_without_accents_and_marks() {
    assert_eq!(key("L'Été, «Straße»  N°3.pdf"), "l ete strasse n 3 pdf");
    assert!(has_ending("What is report.pdf about?") && !has_ending("What is it about."));
    assert_eq!((of(""), of("Bitte")), (None, None));
    assert_eq!(of(&"summarise ".repeat(40)), None);
}
