use cairn_serving::embed::{EmbedConfig, Embedder};
use cairn_serving::models::ModelStore;

use super::*;

/// As [`ENGLISH`] in other languages; of these `Other` is Polish.
static FOREIGN: [(Language, Probes); 9] = [
    (
        Language::German,
        &[
            (
                "Wie hoch ist der Leuchtturm?",
                "Der Leuchtturm am nördlichen Kap ist 38 Meter hoch. Er wurde 1871 zum ersten Mal \
                 angezündet, und sein Licht ist weit draußen auf See zu sehen.",
            ),
            (
                "Wann muss die Miete gezahlt werden?",
                "Die Miete ist am ersten Werktag jedes Monats fällig. Eine Zahlung, die mehr als \
                 fünf Tage zu spät eingeht, kostet eine Gebühr.",
            ),
            (
                "Wie hält man Brot frisch?",
                "Brot bleibt in einem Leinenbeutel drei Tage frisch. In Plastik schimmelt es \
                 eher, und im Kühlschrank trocknet die Krume aus.",
            ),
            (
                "Warum blieb der Motor des Traktors stehen?",
                "Der Motor blieb stehen, weil der Kraftstofffilter verstopft war. Nachdem der \
                 Filter gereinigt war, sprang der Traktor sofort an.",
            ),
        ],
    ),
    (
        Language::French,
        &[
            (
                "Quelle est la hauteur du phare ?",
                "Le phare du cap nord mesure 38 mètres de haut. Il a été allumé pour la première \
                 fois en 1871, et sa lumière se voit de loin en mer.",
            ),
            (
                "Quand faut-il payer le loyer ?",
                "Le loyer est dû le premier jour ouvrable de chaque mois. Un paiement qui arrive \
                 avec plus de cinq jours de retard entraîne des frais.",
            ),
            (
                "Comment garder le pain frais ?",
                "Le pain reste frais trois jours dans un sac en lin. Dans le plastique il moisit \
                 plus vite, et au réfrigérateur la mie se dessèche.",
            ),
            (
                "Pourquoi le moteur du tracteur s'est-il arrêté ?",
                "Le moteur s'est arrêté parce que le filtre à carburant était bouché. Une fois le \
                 filtre nettoyé, le tracteur a redémarré aussitôt.",
            ),
        ],
    ),
    (
        Language::Spanish,
        &[
            (
                "¿Qué altura tiene el faro?",
                "El faro del cabo norte mide 38 metros de altura. Se encendió por primera vez en \
                 1871, y su luz se ve desde muy lejos en el mar.",
            ),
            (
                "¿Cuándo hay que pagar el alquiler?",
                "El alquiler se paga el primer día laborable de cada mes. Un pago que llega con \
                 más de cinco días de retraso tiene un recargo.",
            ),
            (
                "¿Cómo se conserva fresco el pan?",
                "El pan se conserva fresco tres días en una bolsa de lino. En plástico se \
                 enmohece antes, y en la nevera la miga se seca.",
            ),
            (
                "¿Por qué se paró el motor del tractor?",
                "El motor se paró porque el filtro de combustible estaba obstruido. Después de \
                 limpiar el filtro, el tractor arrancó enseguida.",
            ),
        ],
    ),
    (
        Language::Italian,
        &[
            (
                "Quanto è alto il faro?",
                "Il faro sul capo settentrionale è alto 38 metri. Fu acceso per la prima volta \
                 nel 1871, e la sua luce si vede da lontano in mare.",
            ),
            (
                "Quando si deve pagare l'affitto?",
                "L'affitto si paga il primo giorno lavorativo di ogni mese. Un pagamento che \
                 arriva con più di cinque giorni di ritardo comporta una spesa.",
            ),
            (
                "Come si mantiene fresco il pane?",
                "Il pane resta fresco tre giorni in un sacchetto di lino. Nella plastica \
                 ammuffisce prima, e in frigorifero la mollica si secca.",
            ),
            (
                "Perché si è fermato il motore del trattore?",
                "Il motore si è fermato perché il filtro del carburante era intasato. Dopo la \
                 pulizia del filtro il trattore è ripartito subito.",
            ),
        ],
    ),
    (
        Language::Portuguese,
        &[
            (
                "Qual é a altura do farol?",
                "O farol do cabo norte tem 38 metros de altura. Foi aceso pela primeira vez em \
                 1871, e a sua luz vê-se de longe no mar.",
            ),
            (
                "Quando é preciso pagar a renda?",
                "A renda paga-se no primeiro dia útil de cada mês. Um pagamento que chega com \
                 mais de cinco dias de atraso tem uma taxa.",
            ),
            (
                "Como se conserva o pão fresco?",
                "O pão fica fresco três dias num saco de linho. No plástico ganha bolor mais \
                 cedo, e no frigorífico o miolo seca.",
            ),
            (
                "Por que parou o motor do trator?",
                "O motor parou porque o filtro de combustível estava entupido. Depois de limpar o \
                 filtro, o trator arrancou logo.",
            ),
        ],
    ),
    (
        Language::Dutch,
        &[
            (
                "Hoe hoog is de vuurtoren?",
                "De vuurtoren op de noordelijke kaap is 38 meter hoog. Hij werd in 1871 voor het \
                 eerst ontstoken, en zijn licht is ver op zee te zien.",
            ),
            (
                "Wanneer moet de huur worden betaald?",
                "De huur moet op de eerste werkdag van elke maand betaald zijn. Een betaling die \
                 meer dan vijf dagen te laat komt, kost extra.",
            ),
            (
                "Hoe houd je brood vers?",
                "Brood blijft in een linnen zak drie dagen vers. In plastic schimmelt het eerder, \
                 en in de koelkast droogt het kruim uit.",
            ),
            (
                "Waarom stopte de motor van de trekker?",
                "De motor stopte omdat het brandstoffilter verstopt was. Nadat het filter was \
                 schoongemaakt, startte de trekker meteen.",
            ),
        ],
    ),
    (
        Language::Swedish,
        &[
            (
                "Hur hög är fyren?",
                "Fyren på den norra udden är 38 meter hög. Den tändes för första gången 1871, och \
                 dess ljus syns långt ute till havs.",
            ),
            (
                "När måste hyran betalas?",
                "Hyran ska betalas den första arbetsdagen i varje månad. En betalning som kommer \
                 mer än fem dagar för sent kostar en avgift.",
            ),
            (
                "Hur håller man bröd färskt?",
                "Bröd håller sig färskt i tre dagar i en linnepåse. I plast möglar det fortare, \
                 och i kylskåpet torkar inkråmet ut.",
            ),
            (
                "Varför stannade traktorns motor?",
                "Motorn stannade eftersom bränslefiltret var igensatt. När filtret hade rengjorts \
                 startade traktorn genast.",
            ),
        ],
    ),
    (
        Language::Turkish,
        &[
            (
                "Deniz feneri ne kadar yüksek?",
                "Kuzey burnundaki deniz feneri 38 metre yüksekliğindedir. İlk kez 1871'de yakıldı \
                 ve ışığı denizde çok uzaktan görülür.",
            ),
            (
                "Kira ne zaman ödenmelidir?",
                "Kira her ayın ilk iş günü ödenir. Beş günden fazla geciken bir ödeme için ek \
                 ücret alınır.",
            ),
            (
                "Ekmek nasıl taze tutulur?",
                "Ekmek keten torbada üç gün taze kalır. Plastikte daha çabuk küflenir, \
                 buzdolabında ise içi kurur.",
            ),
            (
                "Traktörün motoru neden durdu?",
                "Motor, yakıt filtresi tıkandığı için durdu. Filtre temizlendikten sonra traktör \
                 hemen çalıştı.",
            ),
        ],
    ),
    (
        Language::Other,
        &[
            (
                "Jak wysoka jest latarnia morska?",
                "Latarnia morska na północnym przylądku ma 38 metrów wysokości. Zapalono ją po \
                 raz pierwszy w 1871 roku, a jej światło widać daleko na morzu.",
            ),
            (
                "Kiedy trzeba zapłacić czynsz?",
                "Czynsz jest płatny w pierwszy dzień roboczy każdego miesiąca. Za wpłatę \
                 spóźnioną o więcej niż pięć dni pobierana jest opłata.",
            ),
            (
                "Jak zachować świeżość chleba?",
                "Chleb pozostaje świeży przez trzy dni w lnianym worku. W plastiku szybciej \
                 pleśnieje, a w lodówce wysycha.",
            ),
            (
                "Dlaczego silnik ciągnika się zatrzymał?",
                "Silnik zatrzymał się, ponieważ filtr paliwa był zatkany. Po oczyszczeniu filtra \
                 ciągnik od razu ruszył.",
            ),
        ],
    ),
];

/// About those of a model that tells texts apart well.
/// The questions, and then the passages.
fn texts(probes: Probes) -> Vec<String> {
    let questions = probes.iter().map(|(question, _)| (*question).to_owned());
    questions.chain(probes.iter().map(|(_, passage)| (*passage).to_owned())).collect()
}

const GOOD: Cosines = Cosines { unrelated: (0.05, 0.07), answering: 0.65 };

/// With the real model: it must lie in the model store (`make models`).
#[tokio::test(flavor = "multi_thread")]
async fn the_programs_own_model_was_measured() {
    let store = ModelStore::from_env().unwrap();
    let embedder = Embedder::new(EmbedConfig::from_store(&store).unwrap());
    let (mut all, mut together) = (Vec::new(), Vec::new());
    for (language, probes) in
        [(Language::English, ENGLISH)].into_iter().chain(FOREIGN.iter().copied())
    {
        let vectors = embedder.embed(texts(probes), Priority::Interactive).await.unwrap().vectors;
        let measured = Cosines::measured(&[probes], &vectors).unwrap();
        if language != Language::Other {
            assert_same(&format!("{language:?}"), Cosines::own(language), measured);
        }
        if language != Language::English {
            all.push(probes);
            together.extend(vectors);
        }
    }
    assert_same("all others", OTHERS, Cosines::measured(&all, &together).unwrap());
    assert_eq!(Cosines::own(Language::Finnish), OTHERS);
}

fn assert_same(name: &str, told: Cosines, measured: Cosines) {
    for (a, b) in [
        (told.unrelated.0, measured.unrelated.0),
        (told.unrelated.1, measured.unrelated.1),
        (told.answering, measured.answering),
    ] {
        assert!((a - b).abs() < 0.02, "{name}: {told:?} {measured:?}");
    }
}

#[test]
fn nonsense_is_weak_and_an_answer_strong() {
    for (chunks, nonsense, answer) in [(1, 0.1, 0.4), (10, 0.2, 0.4), (1_000, 0.3, 0.5)] {
        let (weak, strong) = (GOOD.strength(nonsense, chunks), GOOD.strength(answer, chunks));
        assert!(weak < 0.2 && strong > 0.65, "{chunks}: {weak} {strong}");
    }
    assert!(GOOD.strength(0.45, 10) > GOOD.strength(0.45, 1_000), "some come near by chance");
    assert!(GOOD.strength(1.0, u64::MAX) > 0.99 && GOOD.strength(-1.0, 0) < 0.01);
}

#[test]
fn a_model_by_which_all_is_near_is_taken_by_its_own_measure() {
    let narrow = Cosines { unrelated: (0.72, 0.03), answering: 0.87 };
    assert!(narrow.strength(0.76, 10) < 0.2 && narrow.strength(0.84, 10) > 0.6);
}

#[test]
fn what_a_language_shares_is_no_sign() {
    assert!(OTHERS.strength(0.45, 10) < 0.1 && OTHERS.strength(0.75, 10) > 0.9);
}

#[test]
fn a_nearer_passage_is_never_weaker() {
    for cosines in [GOOD, OTHERS] {
        let rising: Vec<f32> =
            (0..=20_u8).map(|step| cosines.strength(f32::from(step) / 20.0, 50)).collect();
        assert!(rising.is_sorted(), "{rising:?}");
    }
}

#[test]
fn a_model_is_measured_by_its_vectors() {
    const TWO: Probes = &[("a?", "a"), ("b?", "b")];
    let (a, b) = (vec![1.0, 0.0], vec![0.6, 0.8]);
    let texts = vec![a.clone(), b.clone(), a.clone(), b];
    let measured = Cosines::measured(&[TWO], &texts).unwrap();
    assert!((measured.answering - 1.0).abs() < 1e-6, "{measured:?}");
    assert!((measured.unrelated.0 - 0.6).abs() < 1e-6 && measured.unrelated.1 < 1e-3);
    // Languages are not compared with each other.
    let twice: Vec<Vec<f32>> = texts.iter().chain(&texts).cloned().collect();
    let both = Cosines::measured(&[TWO, TWO], &twice).unwrap();
    assert!((both.unrelated.0 - 0.6).abs() < 1e-6 && both.unrelated.1 < 1e-3, "{both:?}");
    // The same for every text, too few of them, none, and no numbers.
    assert_eq!(Cosines::measured(&[TWO], &vec![a; 4]), None);
    assert_eq!(Cosines::measured(&[TWO], &texts[..3]), None);
    assert_eq!(Cosines::measured(&[], &[]), None);
    assert_eq!(Cosines::measured(&[TWO], &vec![vec![f32::NAN, 1.0]; 4]), None);
}

#[tokio::test]
async fn a_model_is_tried_once_and_trials_are_kept_within_bounds() {
    let known = KnownCosines::default();
    let named = |n: i64| EmbeddingModel { name: "m".to_owned(), version: Some(n) };
    let trial = |n: i64| known.trial(("acme".to_owned(), named(n)));
    let (first, new) = trial(0);
    assert!(new && first.get().is_none());
    // Who comes while it is tried waits for the same trial; after one that failed, for the next.
    let (same, new) = trial(0);
    assert!(!new && Arc::ptr_eq(&first, &same));
    assert!(first.get_or_try_init(|| async { Err::<Option<Cosines>, ()>(()) }).await.is_err());
    let again = async { Ok::<_, ()>(Some(GOOD)) };
    let third = async { None };
    let (again, third) = tokio::join!(first.get_or_try_init(|| again), same.get_or_init(|| third));
    assert_eq!((again, third), (Ok(&Some(GOOD)), &Some(GOOD)));
    for n in 1..=i64::try_from(KEPT).unwrap() {
        assert!(trial(n).1);
    }
    assert!(trial(0).1, "it was forgotten with the others");
}
