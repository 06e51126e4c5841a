//! What the documents do not say is not answered, whatever their language.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::scene::{Caller, Scene};

/// Texts of one language, questions that they answer with words of the answer, and
/// questions that they do not.
struct Notes {
    text: &'static str,
    answered: [(&'static str, &'static str); 3],
    silent: [&'static str; 3],
}

const ENGLISH: Notes = Notes {
    text: "The lighthouse at Cape Orrin was built in 1874. The lamp was replaced in 1974 by an \
           electric one of 1200 watts. The last keeper, Ida Thorvald, left the tower in the \
           spring of 1989.\n\nThe bridge over the Lune is inspected every second winter. Its \
           cables were renewed in 2003 after a storm.\n\nTo reset the password, open the account \
           page and choose to be sent a new one. The link is valid for one hour.\n",
    answered: [
        ("Who was the last keeper of the lighthouse?", "Ida Thorvald"),
        ("When were the cables of the bridge renewed?", "2003"),
        ("How do I reset my password?", "account page"),
    ],
    silent: [
        "Which vitamins does a raw potato contain?",
        "Who developed the theory of relativity?",
        "How do I apply for a passport?",
    ],
};

const GERMAN: Notes = Notes {
    text: "Der Leuchtturm am Kap Orrin wurde 1874 erbaut. Die Lampe wurde 1974 durch eine \
           elektrische mit 1200 Watt ersetzt. Die letzte Wärterin, Ida Thorvald, verließ den \
           Turm im Frühjahr 1989.\n\nDie Brücke über die Lune wird jeden zweiten Winter geprüft. \
           Ihre Seile wurden 2003 nach einem Sturm erneuert.\n\nUm das Kennwort zurückzusetzen, \
           öffnen Sie die Kontoseite und wählen Sie, dass ein neues gesendet wird. Der Link \
           gilt eine Stunde.\n",
    answered: [
        ("Wer war die letzte Wärterin des Leuchtturms?", "Ida Thorvald"),
        ("Wann wurden die Seile der Brücke erneuert?", "2003"),
        ("Wie setze ich mein Kennwort zurück?", "Kontoseite"),
    ],
    silent: [
        "Welche Vitamine enthält eine rohe Kartoffel?",
        "Wer hat die Relativitätstheorie entwickelt?",
        "Wie lange muss ein Sauerteigbrot backen?",
    ],
};

const RUSSIAN: Notes = Notes {
    text: "Маяк на мысе Оррин был построен в 1874 году. Лампа была заменена в 1974 году \
           электрической мощностью 1200 ватт. Последняя смотрительница, Ида Торвальд, покинула \
           башню весной 1989 года.\n\nМост через Луну проверяют каждую вторую зиму. Тросы моста \
           были обновлены в 2003 году после бури.\n\nЧтобы сбросить пароль, откройте страницу \
           учётной записи и выберите отправить новый пароль. Ссылка действует один час.\n",
    answered: [
        ("Кто была последней смотрительницей маяка?", "Ида Торвальд"),
        ("Когда были обновлены тросы моста?", "2003"),
        ("Как сбросить пароль?", "учётной записи"),
    ],
    silent: [
        "Какие витамины содержит сырой картофель?",
        "Кто разработал теорию относительности?",
        "Сколько времени печь хлеб на закваске?",
    ],
};

#[tokio::test]
async fn what_the_documents_do_not_say_is_refused_in_every_language() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("polyglot", "editor").await?;
    for (name, notes) in [("english", &ENGLISH), ("german", &GERMAN), ("russian", &RUSSIAN)] {
        let store = caller.store(name).await?;
        let (file, state) =
            caller.ingest(&store, &format!("{name}.md"), notes.text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
        for (question, words) in notes.answered {
            let answer = caller.ask(&store, question).await?;
            ensure!(answer["cairn"]["refused"] == false, "{question}: {answer}");
            let content = message(&answer);
            ensure!(content["text"].as_str().is_some_and(|text| text.contains(words)), "{answer}");
            let cited = &content["annotations"];
            ensure!(cited[0]["file_id"] == file.as_str(), "{answer}");
            let quoted = cited.as_array().is_some_and(|cited| {
                let quote = |one: &Value| one["cairn"]["quote"].as_str().map(str::to_owned);
                cited.iter().filter_map(quote).any(|quote| quote.contains(words))
            });
            ensure!(quoted, "the words of the answer are not quoted: {answer}");
        }
        for question in notes.silent {
            refused(&caller, &store, question).await?;
        }
    }
    // A store without anything in it says nothing at all.
    let empty = caller.store("empty").await?;
    refused(&caller, &empty, ENGLISH.answered[0].0).await?;
    scene.stop().await
}

/// Machines that differ in their code and their weight.
fn machines() -> String {
    let line = |n: u32| format!("\n\nMachine Q{n} weighs {} kilograms when empty.", 100 + n * 13);
    (1..9).map(line).fold("# Machines".to_owned(), |text, line| text + &line)
}

#[tokio::test]
async fn a_code_decides_what_is_said_and_a_short_sentence_is_said() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("works", "editor").await?;
    let store = caller.store("works").await?;
    caller.ingest(&store, "machines.md", machines().as_bytes()).await?;
    let answer = caller.ask(&store, "How much does machine Q3 weigh?").await?;
    let text = message(&answer)["text"].as_str().unwrap_or_default();
    ensure!(text.contains("139") && !text.contains("Q1") && !text.contains("Q4"), "{answer}");
    let silent = caller.ask(&store, "How much does machine Q99 weigh?").await?;
    ensure!(silent["cairn"]["refused"] == true, "{silent}");
    let reason = silent["cairn"]["reason"].as_str();
    ensure!(reason.is_some_and(|reason| reason.contains("'Q99'")), "{silent}");

    let pool = caller.store("pool").await?;
    let rules = "# Pool\n\nThe pool opens at nine. The entrance fee is five euros. Dogs are \
                 forbidden in the pool area.\n";
    caller.ingest(&pool, "pool.md", rules.as_bytes()).await?;
    let answer = caller.ask(&pool, "When does the pool open?").await?;
    let text = message(&answer)["text"].as_str().unwrap_or_default();
    ensure!(text.contains("The pool opens at nine."), "{answer}");
    scene.stop().await
}

async fn refused(caller: &Caller, store: &str, question: &str) -> Result<()> {
    let answer = caller.ask(store, question).await?;
    ensure!(answer["cairn"]["refused"] == true, "{question}: {answer}");
    ensure!(message(&answer)["annotations"] == serde_json::json!([]), "{answer}");
    Ok(())
}

/// The content of an answer's message.
fn message(answer: &Value) -> &Value {
    let items = answer["output"].as_array().map(Vec::as_slice).unwrap_or_default();
    items.last().map_or(&Value::Null, |item| &item["content"][0])
}
