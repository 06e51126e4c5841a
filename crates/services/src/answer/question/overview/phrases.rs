//! How each language asks for the documents as a whole: phrases in lower case and without accents,
//! with bars between those that mean the same.

use cairn_search::Language;

/// The phrases of a language.
pub(super) struct Row {
    pub(super) language: Language,
    /// Polite words in front.
    pub(super) polite: &'static str,
    /// Words behind that change nothing, or tell the language of the answer.
    pub(super) behind: &'static str,
    /// What the length of an answer is counted in, and words between it and what is wanted.
    pub(super) units: &'static str,
    pub(super) joints: &'static str,
    /// Words that want what follows them to be summarised.
    pub(super) verbs: &'static str,
    /// What stands around that otherwise.
    pub(super) about: &'static [(&'static str, &'static str)],
    /// The same, where a name must have its ending, as anything may be asked for so.
    pub(super) content: &'static [(&'static str, &'static str)],
    /// "Give me", "a short", "summary", "of".
    pub(super) leads: &'static str,
    pub(super) small: &'static str,
    pub(super) heads: &'static str,
    pub(super) of: &'static str,
    /// Whole questions about what is at hand.
    pub(super) this: &'static str,
    /// What stands for all documents, and for what is at hand.
    pub(super) all: &'static str,
    pub(super) pronouns: &'static str,
    /// "All of the", "document", "documents".
    pub(super) determiners: &'static str,
    pub(super) singular: &'static str,
    pub(super) plural: &'static str,
    /// "This", "report".
    pub(super) deictic: &'static str,
    pub(super) kinds: &'static str,
    /// What stands around documents that are to be listed.
    pub(super) lists: &'static [(&'static str, &'static str)],
    /// What is said to the program itself, and words beside that.
    pub(super) greetings: &'static str,
    pub(super) thanks: &'static str,
    pub(super) help: &'static str,
    pub(super) fillers: &'static str,
}

pub(super) static ROWS: [Row; 7] = [ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE, DUTCH];

const ENGLISH: Row = Row {
    language: Language::English,
    polite: "please|pls|can you|could you|would you|will you|kindly|i want|i want you to|i would like|\
             i would like you to|i d like|i d like you to|i need|to|ok|okay|hi|hello|hey|\
             hi there|hello there|good morning|now|just",
    behind: "please|pls|for me|for us|briefly|shortly|quickly|concisely|in brief|in short|in detail|\
             in english|in german|in french|in spanish|in italian|in dutch|in portuguese|thanks|\
             thank you|now|again",
    units: "sentence|sentences|word|words|paragraph|paragraphs|point|points|bullets|lines",
    joints: "in|as|with|using|within",
    verbs: "summarise|summarize|sum up|recap|give me the gist of|tl dr|tldr",
    about: &[
        ("what is|what s|whats|what are|what re", "about|all about"),
        ("what is the content of|what are the contents of|what is the topic of", ""),
    ],
    content: &[
        ("what is in|what s in|whats in|describe|explain|tell me about|tell me more about", ""),
        ("what does|what do", "say|contain|talk about|discuss|describe"),
    ],
    leads: "give me|give us|give|write|write me|make|make me|create|provide|provide me with|show|\
            show me|get me|what is|what s|what are|can i have|can i get|may i have",
    small: "a|an|the|short|brief|quick|concise|general|rough|high level|detailed|executive|main|key|\
            most important",
    heads: "summary|overview|synopsis|recap|gist|outline|points|topics|takeaways|ideas|tl dr|\
            tldr",
    of: "of|for|on|about|from|in",
    this: "summary|overview|synopsis|recap|tl dr|tldr|what is this about|what s this about|\
           whats this about|what is this all about|\
           document summary|documents summary|file summary",
    all: "everything|everything here|everything you have|what you have",
    pronouns: "all|all of them|all of it|all this|all of this|this|that|the content|the contents|this content|\
               the text|this text",
    determiners: "this|that|the|these|those|my|our|your|all|all of|both|each|every|each of|of|whole|\
                  entire|content of|contents of|uploaded|attached|provided|given|following|current",
    singular: "document|file|pdf|doc|knowledge base|document collection|vector store",
    plural: "documents|files|pdfs|docs|document names|file names|filenames|\
             names of the documents|names of the files|names of all documents|names of all files",
    deictic: "this|the attached|the uploaded|my",
    kinds: "report|paper|article|contract|book|manual|presentation|policy|handbook|essay|study|letter|\
            text|agreement|thesis|page|spreadsheet|slide deck",
    lists: &[
        (
            "which|what|how many",
            "are there|are here|exist|do you have|do you know|do you see|do you have access to|\
             can you see|can you read|can you access|can you search|can you use|can i ask|\
             can i ask about|can i search|are available|are in this store|are in the store|\
             are in this vector store|are in the vector store|are in the knowledge base|\
             are in this knowledge base|are in the collection|are in this collection|are loaded|\
             are indexed|are stored|are stored here|have been uploaded|have i uploaded|did i upload|\
             were uploaded|are uploaded|you have|there are|do we have",
        ),
        ("what are the|what are all|what are my|what are your", ""),
        (
            "list|list me|show|show me|name|enumerate|give me a list of|a list of|list of|\
             show me a list of|show a list of|can i see|list out",
            "|you have|there are|you know|available|that are available|that you have|that there are|\
             you have access to|in this store|in the store|in the vector store|\
             in the knowledge base|in this collection|i uploaded|that i uploaded|here",
        ),
    ],
    greetings: "hello|hi|hey|hello there|hi there|hey there|good morning|good afternoon|good evening|\
                good day|greetings|how are you|how are you doing|how do you do|nice to meet you|howdy",
    thanks: "thanks|thank you|thanks a lot|thank you very much|thank you so much|many thanks|thx|\
             much appreciated|cheers|thanks for your help|thank you for your help|\
             thanks for the help|that was helpful|that is helpful|that helps",
    help: "help|help me|who are you|what are you|what can you do|what can you do for me|\
           what can i ask|what can i ask you|what do you do|how can you help|how can you help me|\
           what can you help me with",
    fillers: "ok|okay|great|perfect|cool|nice|super|good|very good|very much|a lot|so much|everyone|\
              cairn|bot|again|and|oh|well|wow|awesome|excellent|today",
};

const GERMAN: Row = Row {
    language: Language::German,
    polite: "bitte|kannst du|konntest du|konnen sie|konnten sie|ich hatte gern|ich hatte gerne|\
             ich mochte|ich brauche|hallo|hi|ok|mal|mir|uns|kurz",
    behind: "bitte|kurz|mal|kurz und knapp|auf deutsch|auf englisch|auf franzosisch|danke|an|genau",
    units: "satz|satzen|stichpunkten|stichworten|stichpunkte|wortern|worten|punkten|absatz|absatzen",
    joints: "in|mit|als",
    verbs: "zusammenfassung von|zusammenfassung fur",
    about: &[
        (
            "fasse|fass|fasse mir|fass mir|fasse uns|fassen sie|fassen sie mir|fasse bitte|\
             fass bitte|fassen sie bitte|fasse kurz",
            "zusammen|kurz zusammen|knapp zusammen|bitte zusammen|bitte kurz zusammen|\
             kurz und knapp zusammen",
        ),
        ("|mir", "zusammenfassen|kurz zusammenfassen"),
        (
            "worum geht es in|um was geht es in|worum geht s in|worum geht es bei|wovon handelt|\
             wovon handeln|worum handelt es sich bei|was ist der inhalt von|was ist der inhalt|\
             was ist das thema von|was ist das thema",
            "",
        ),
    ],
    content: &[(
        "was steht in|was beinhaltet|was beinhalten|was enthalt|was enthalten|was sagt|was sagen|\
         beschreibe|beschreibe mir|erklare|erklare mir|erzahl mir etwas uber|\
         erzahle mir etwas uber",
        "",
    )],
    leads: "gib mir|geben sie mir|gib uns|gib|erstelle|erstelle mir|erstellen sie|schreibe|schreib|\
            schreib mir|schreibe mir|mach|mach mir|mache|zeige mir|zeig mir|was sind|was ist|nenne|\
            nenne mir",
    small: "eine|einen|ein|die|den|der|das|kurze|kurzen|knappe|knappen|schnelle|schnellen|grobe|\
            groben|wichtigsten|wesentlichen",
    heads: "zusammenfassung|uberblick|ubersicht|kurzfassung|inhaltsangabe|hauptpunkte|kernpunkte|\
            kernaussagen|punkte|aussagen|inhalte|themen",
    of: "von|vom|zu|zum|zur|uber|aus|fur|des|der|in",
    this: "zusammenfassung|uberblick|ubersicht|worum geht es|worum geht es hier|worum geht s|worum geht s hier|fasse zusammen|\
           fass zusammen|zusammenfassen|fasse das zusammen|fass das zusammen|was steht hier",
    all: "alles|alles hier",
    pronouns: "alle|allem|das|dies|das hier|diesem|den inhalt|der inhalt|den text|diesen text",
    determiners: "dieses|diesem|diese|diesen|dieser|das|dem|die|den|der|des|alle|allen|aller|meine|\
                  meinen|meiner|meines|unsere|unseren|unserer|deine|deinen|deiner|ganze|ganzen|\
                  gesamte|gesamten|hochgeladene|hochgeladenen|angehangte|angehangten|vorliegende|\
                  vorliegenden|von|inhalt|inhalte",
    singular: "dokument|dokuments|dokumentes|datei|pdf|dokumentensammlung|wissensbasis|\
               wissensdatenbank",
    plural: "dokumente|dokumenten|dateien|unterlagen|pdfs|files|docs|dateinamen|pdf dateien",
    deictic: "dieser|diesen|diesem|dieses|diese|der hochgeladene|den hochgeladenen",
    kinds: "bericht|berichts|vertrag|vertrags|artikel|artikels|buch|buchs|buches|handbuch|handbuchs|\
            aufsatz|prasentation|protokoll|text|textes|studie|brief|arbeit|richtlinie",
    lists: &[
        (
            "welche|was fur|wie viele|wieviele",
            "gibt es|gibt s|gibt es hier|es gibt|hast du|du hast|haben sie|kennst du|kennen sie|\
             sind da|sind hier|sind vorhanden|sind verfugbar|liegen vor|siehst du|kannst du sehen|\
             kannst du lesen|kann ich fragen|kann ich durchsuchen|sind hochgeladen|\
             wurden hochgeladen|habe ich hochgeladen|sind gespeichert|sind in der wissensbasis|\
             sind in der sammlung|stehen zur verfugung|haben wir",
        ),
        (
            "liste|liste mir|zeige|zeige mir|zeig|zeig mir|nenne|nenne mir|eine liste|liste von|\
             eine liste von|gib mir eine liste|gib mir eine liste von|was sind",
            "|auf|an|die es gibt|die du hast|die du kennst|die da sind",
        ),
    ],
    greetings: "hallo|guten morgen|guten tag|guten abend|servus|moin|moin moin|gruss gott|gruezi|\
                hallo zusammen|wie geht es dir|wie geht es ihnen|wie geht s|hi|hey|na",
    thanks: "danke|danke schon|dankeschon|vielen dank|herzlichen dank|danke dir|danke ihnen|\
             danke sehr|besten dank|tausend dank|danke fur die hilfe|danke fur deine hilfe",
    help: "hilfe|hilf mir|wer bist du|wer sind sie|was kannst du|was kannst du tun|\
           was kannst du alles|was konnen sie|was kann ich fragen|was kann ich dich fragen|\
           wie kannst du mir helfen",
    fillers: "ok|okay|super|gut|prima|toll|sehr gut|perfekt|und|alles klar|klasse|ja|sehr|schon",
};

const FRENCH: Row = Row {
    language: Language::French,
    polite: "s il te plait|s il vous plait|stp|svp|peux tu|pouvez vous|pourrais tu|pourriez vous|\
             est ce que tu peux|bonjour|salut|je veux|je voudrais|j aimerais|me|nous",
    behind: "s il te plait|s il vous plait|stp|svp|brievement|en bref|rapidement|en francais|\
             en anglais|merci",
    units: "phrase|phrases|mots|points|lignes|paragraphe|paragraphes",
    joints: "en|avec|sous",
    verbs: "resume|resumez|resumer|resume moi|resumez moi|resume nous|synthetise|synthetisez|\
            synthetiser",
    about: &[
        (
            "de quoi parle|de quoi parlent|de quoi traite|de quoi traitent|de quoi s agit il dans|\
             sur quoi porte|sur quoi portent|quel est le sujet de|quel est le sujet du|\
             quel est le contenu de|quel est le contenu du|quel est le contenu des",
            "",
        ),
        ("de quoi est ce que", "parle|parlent"),
    ],
    content: &[(
        "que contient|que contiennent|que dit|que disent|qu y a t il dans|\
         qu est ce qu il y a dans|decris|decrivez|explique|expliquez|presente|presente moi|\
         parle moi de",
        "",
    )],
    leads: "fais|fais moi|faites|faites moi|donne|donne moi|donnez|donnez moi|donner|faire|ecris|\
            ecris moi|redige|redigez|quels sont|quelles sont|quel est|je veux",
    small: "un|une|le|les|la|bref|breve|court|courte|petit|petite|rapide|general|generale|l",
    heads: "resume|synthese|apercu|vue d ensemble|points principaux|points cles|idees principales|\
            points essentiels|grandes lignes|compte rendu",
    of: "de|du|des|de l|d|sur|pour",
    this: "synthese|de quoi s agit il|de quoi ca parle|de quoi est ce que ca parle|resume tout",
    all: "tout|l ensemble",
    pronouns: "tous|tout ca|tout cela|ceci|cela|ca|le contenu|ce contenu|ce texte|le texte",
    determiners: "ce|cet|cette|ces|le|la|les|l|un|tous|toutes|tout|mes|mon|ma|nos|notre|vos|votre|\
                  tes|ton|de|du|des|d|ensemble|contenu",
    singular: "document|fichier|pdf|base de connaissances|collection de documents",
    plural: "documents|fichiers|pdfs|noms de fichiers|noms des fichiers|fichiers pdf",
    deictic: "ce|cet|cette",
    kinds: "rapport|contrat|article|livre|manuel|texte|guide|etude|lettre|presentation",
    lists: &[
        (
            "quels|quelles|quels sont|quelles sont|combien de|combien d",
            "|y a t il|il y a|as tu|tu as|avez vous|vous avez|sont disponibles|connais tu|\
             connaissez vous|existe t il|existent|peux tu lire|puis je interroger|sont la|\
             sont presents|sont dans la base|est ce qu il y a|est ce que tu as|\
             est ce que vous avez|avons nous",
        ),
        (
            "liste|listez|lister|liste moi|montre|montre moi|montrez|montrez moi|affiche|affichez|\
             la liste|une liste|donne moi la liste|donnez moi la liste|donne la liste|enumere|\
             enumerez",
            "|disponibles|que tu as|que vous avez|presents|qu il y a",
        ),
    ],
    greetings: "bonjour|salut|bonsoir|coucou|ca va|comment ca va|comment vas tu|comment allez vous",
    thanks: "merci|merci beaucoup|merci bien|mille mercis|un grand merci|je te remercie|\
             je vous remercie|merci pour ton aide|merci pour votre aide",
    help: "aide|aide moi|aidez moi|qui es tu|qui etes vous|que peux tu faire|que pouvez vous faire|\
           que puis je demander|que puis je te demander|que sais tu faire",
    fillers: "ok|d accord|super|parfait|tres bien|et|bien|genial|a toi|a vous|a tous|beaucoup|\
              tout le monde",
};

const SPANISH: Row = Row {
    language: Language::Spanish,
    polite: "por favor|puedes|podrias|puede|podria|hola|quiero|quisiera|me gustaria|necesito|me",
    behind: "por favor|brevemente|en breve|en espanol|en ingles|gracias",
    units: "frase|frases|palabras|puntos|lineas|parrafo|parrafos",
    joints: "en|con",
    verbs: "resume|resumeme|resumir|resuma|resumid|resumirme|sintetiza|sintetizar",
    about: &[(
        "de que trata|de que tratan|de que se trata|de que habla|de que hablan|de que va|\
         de que van|sobre que trata|sobre que tratan|cual es el tema de|cual es el tema del|\
         cual es el contenido de|cual es el contenido del",
        "",
    )],
    content: &[(
        "que contiene|que contienen|que dice|que dicen|que hay en|describe|explica|explicame|\
         hablame de",
        "",
    )],
    leads: "haz|hazme|haga|hagame|dame|deme|da|darme|hacer|hacerme|escribe|escribeme|crea|\
            cuales son|cual es",
    small: "un|una|el|la|los|las|breve|corto|corta|pequeno|rapido|rapida|general",
    heads: "resumen|sintesis|vision general|vista general|puntos principales|puntos clave|\
            ideas principales|panorama",
    of: "de|del|sobre",
    this: "resumen|de que se trata|de que trata|de que va|de que se trata esto|resume todo",
    all: "todo",
    pronouns: "todos|todo esto|esto|eso|el contenido|este contenido|el texto|este texto",
    determiners: "este|esta|estos|estas|el|la|los|las|todos|todas|todo|mis|mi|nuestros|nuestro|tus|\
                  sus|de|del|contenido",
    singular: "documento|archivo|fichero|pdf|coleccion de documentos|base de conocimiento|\
               base de conocimientos",
    plural: "documentos|archivos|ficheros|pdfs|nombres de archivos|nombres de los archivos",
    deictic: "este|esta|de este",
    kinds: "informe|contrato|articulo|libro|manual|reporte|texto|guia|estudio|carta|presentacion",
    lists: &[
        (
            "que|cuales|cuantos|cuales son",
            "|hay|tienes|tiene|existen|estan disponibles|conoces|puedes leer|puedo consultar|\
             he subido|tenemos|hay disponibles|hay aqui",
        ),
        (
            "lista|listar|enumera|muestra|muestrame|muestre|ensename|dame una lista|dame la lista|\
             una lista|la lista|dime que",
            "|que tienes|que hay|disponibles|que conoces|hay|tienes",
        ),
    ],
    greetings: "hola|buenos dias|buenas tardes|buenas noches|buenas|que tal|como estas|como esta",
    thanks: "gracias|muchas gracias|mil gracias|muchisimas gracias|te lo agradezco|\
             gracias por tu ayuda|gracias por su ayuda|gracias por la ayuda",
    help: "ayuda|ayudame|quien eres|que puedes hacer|que puedo preguntar|que puedo preguntarte",
    fillers: "ok|vale|perfecto|genial|muy bien|bien|y|a todos|estupendo",
};

const ITALIAN: Row = Row {
    language: Language::Italian,
    polite: "per favore|puoi|potresti|puo|potrebbe|ciao|vorrei|voglio|mi",
    behind: "per favore|brevemente|in breve|in italiano|in inglese|grazie",
    units: "frase|frasi|parole|punti|righe|paragrafo|paragrafi",
    joints: "in|con|per",
    verbs: "riassumi|riassumere|riassuma|riassumimi|riassumermi|sintetizza|sintetizzare",
    about: &[(
        "di cosa parla|di cosa parlano|di cosa tratta|di cosa trattano|di che cosa parla|\
         di che cosa parlano|di che parla|qual e il contenuto|qual e l argomento",
        "",
    )],
    content: &[(
        "cosa contiene|cosa contengono|che cosa contiene|cosa dice|cosa dicono|cosa c e in|\
         cosa c e nel|cosa c e nei|descrivi|spiega|spiegami|parlami di|parlami del",
        "",
    )],
    leads: "fammi|fai|fare|farmi|dammi|dai|dare|darmi|scrivi|scrivimi|crea|quali sono|qual e",
    small: "un|una|uno|il|lo|la|i|gli|le|breve|corto|rapida|rapido|generale",
    heads: "riassunto|sintesi|sommario|panoramica|punti principali|punti chiave",
    of: "di|del|dello|della|dei|degli|delle|dell|su|sul|sui",
    this: "riassunto|di cosa si tratta|di cosa parla|di che si tratta|riassumi tutto",
    all: "tutto",
    pronouns: "tutti|tutto questo|questo|cio|il contenuto|il testo|questo testo",
    determiners: "questo|questa|questi|queste|il|lo|la|i|gli|le|l|tutti|tutte|tutto|miei|mio|nostri|\
                  nostro|tuoi|di|del|dei|degli|delle|dell|contenuto",
    singular: "documento|file|pdf|raccolta di documenti|base di conoscenza",
    plural: "documenti|file|files|pdf|nomi dei file",
    deictic: "questo|questa|quest|di questo|di questa",
    kinds: "rapporto|contratto|articolo|libro|manuale|relazione|testo|guida|studio|lettera",
    lists: &[
        (
            "quali|quanti|che|quali sono",
            "|ci sono|hai|ha|esistono|sono disponibili|conosci|puoi leggere|posso consultare|\
             ho caricato|abbiamo|ci sono qui",
        ),
        (
            "elenca|elencami|elencare|mostra|mostrami|mostrare|lista|dammi l elenco|l elenco|elenco|\
             un elenco|la lista|dammi la lista|dimmi quali",
            "|che hai|che ci sono|disponibili|ci sono|hai",
        ),
    ],
    greetings: "ciao|salve|buongiorno|buon giorno|buonasera|buona sera|come stai|come va",
    thanks: "grazie|grazie mille|molte grazie|tante grazie|ti ringrazio|grazie per l aiuto",
    help: "aiuto|aiutami|chi sei|cosa puoi fare|che cosa puoi fare|cosa posso chiedere|\
           cosa posso chiederti",
    fillers: "ok|va bene|perfetto|ottimo|bene|e|a tutti|fantastico",
};

const PORTUGUESE: Row = Row {
    language: Language::Portuguese,
    polite: "por favor|pode|podes|poderia|voce pode|ola|oi|quero|queria|gostaria de|preciso de|me",
    behind: "por favor|brevemente|em portugues|em ingles|obrigado|obrigada",
    units: "frase|frases|palavras|pontos|linhas|paragrafo|paragrafos",
    joints: "em|com",
    verbs: "resuma|resumir|resume|resume me|sintetize|sintetizar",
    about: &[(
        "de que trata|de que tratam|do que trata|do que tratam|do que se trata|do que fala|\
         do que falam|sobre o que e|sobre o que fala|sobre o que falam|sobre o que sao|\
         qual e o conteudo|qual e o tema|qual e o assunto",
        "",
    )],
    content: &[(
        "o que contem|o que diz|o que dizem|o que ha em|o que tem em|descreva|explique|fale sobre",
        "",
    )],
    leads: "faca|faz|fazer|faca me|de me|da me|dar|escreva|escreve|crie|cria|quais sao|qual e|me de",
    small: "um|uma|o|a|os|as|breve|curto|curta|rapido|rapida|geral",
    heads: "resumo|sintese|visao geral|sumario|pontos principais|pontos chave|panorama",
    of: "de|do|da|dos|das|sobre",
    this: "resumo|do que se trata|de que se trata|do que trata|resuma tudo",
    all: "tudo",
    pronouns: "todos|tudo isto|tudo isso|isto|isso|o conteudo|o texto|este texto",
    determiners: "este|esta|estes|estas|esse|essa|esses|essas|o|a|os|as|todos|todas|todo|meus|meu|\
                  nossos|seus|teus|de|dos|das|do|deste|destes|desse|desses|conteudo",
    singular: "documento|arquivo|ficheiro|pdf|colecao de documentos|base de conhecimento",
    plural: "documentos|arquivos|ficheiros|pdfs|nomes dos arquivos|nomes dos ficheiros",
    deictic: "este|esta|deste|desta|esse|essa|desse|dessa",
    kinds: "relatorio|contrato|artigo|livro|manual|texto|guia|estudo|carta",
    lists: &[
        (
            "que|quais|quantos|quais sao",
            "|ha|existem|tem|tens|voce tem|estao disponiveis|conhece|voce conhece|posso consultar|\
             carreguei|temos|voce pode ler|ha aqui",
        ),
        (
            "liste|lista|listar|mostre|mostra|mostre me|enumere|a lista|uma lista|me de uma lista",
            "|que tem|que tens|que voce tem|que ha|disponiveis",
        ),
    ],
    greetings: "ola|oi|bom dia|boa tarde|boa noite|tudo bem|como vai|como esta",
    thanks: "obrigado|obrigada|muito obrigado|muito obrigada|valeu|agradeco|obrigado pela ajuda|\
             obrigada pela ajuda",
    help: "ajuda|ajude me|quem e voce|quem es tu|o que voce pode fazer|o que podes fazer|\
           o que posso perguntar",
    fillers: "ok|otimo|perfeito|muito bem|bem|e|a todos",
};

const DUTCH: Row = Row {
    language: Language::Dutch,
    polite: "alsjeblieft|alstublieft|aub|kun je|kunt u|kan je|zou je|wil je|hallo|hoi|ik wil|\
             ik wil graag|graag|mij|me",
    behind: "alsjeblieft|alstublieft|aub|kort|in het kort|in het nederlands|in het engels|bedankt|\
             graag",
    units: "zin|zinnen|woorden|punten|alinea|regels",
    joints: "in|met|als",
    verbs: "samenvatting van",
    about: &[
        (
            "vat|vat mij|vat me|vat alsjeblieft",
            "samen|kort samen|alsjeblieft samen|even samen|beknopt samen",
        ),
        ("|mij|me", "samenvatten|kort samenvatten"),
        ("waar gaat|waar gaan", "over"),
        ("waarover gaat|waarover gaan|wat is het onderwerp van|wat is de inhoud van", ""),
    ],
    content: &[(
        "wat staat er in|wat staat in|wat zegt|wat zeggen|wat bevat|wat bevatten|beschrijf|\
         vertel me over",
        "",
    )],
    leads: "geef|geef me|geef mij|geef ons|maak|maak me|schrijf|schrijf me|wat is|wat zijn|geven|\
            maken",
    small: "een|de|het|korte|snelle|beknopte|algemene|algemeen|kort|beknopt|belangrijkste",
    heads: "samenvatting|overzicht|hoofdpunten|kernpunten|punten",
    of: "van|over|uit|voor",
    this: "samenvatting|overzicht|waar gaat dit over|waar gaat het over|vat samen|vat dit samen|vat alles samen",
    all: "alles",
    pronouns: "allemaal|dit alles|dit|dat|de inhoud|de tekst|deze tekst",
    determiners: "dit|deze|dat|die|het|de|alle|al|mijn|onze|jouw|uw|van|geuploade|inhoud van",
    singular: "document|bestand|pdf|documentenverzameling|kennisbank",
    plural: "documenten|bestanden|pdfs|pdf s|bestandsnamen",
    deictic: "dit|deze",
    kinds: "rapport|contract|artikel|boek|handleiding|verslag|tekst|studie|brief|presentatie",
    lists: &[
        (
            "welke|wat voor|hoeveel",
            "|zijn er|heb je|heeft u|ken je|zijn beschikbaar|zijn hier|kun je lezen|kan ik vragen|\
             heb ik geupload|staan er|zijn er beschikbaar|hebben we|staan hier",
        ),
        (
            "lijst|toon|toon me|toon mij|laat|laat me|noem|geef een lijst van|\
             geef me een lijst van|een lijst van|lijst van|lijst met|som",
            "|op|zien|die er zijn|die je hebt|er zijn|beschikbaar",
        ),
    ],
    greetings: "hallo|hoi|goedemorgen|goedemiddag|goedenavond|goedendag|dag|hoe gaat het|\
                hoe gaat het met je|hoe gaat het met u",
    thanks: "bedankt|dank je|dank je wel|dankjewel|dank u|dank u wel|hartelijk dank|\
             heel erg bedankt|bedankt voor je hulp",
    help: "hulp|help mij|wie ben je|wat kun je|wat kan je|wat kun je doen|wat kan ik vragen",
    fillers: "ok|oke|prima|goed|heel goed|perfect|en|super",
};
