use std::os::unix::fs::symlink;
use std::sync::Mutex;

use super::*;
use crate::contract::{self, Place};

struct Temporary {
    dir: tempfile::TempDir,
    broken: Mutex<Option<Box<dyn Source>>>,
}

impl Temporary {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), broken: Mutex::default() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> FolderConfig {
        let path = self.at("docs");
        std::fs::create_dir_all(&path).unwrap();
        FolderConfig { path, include: Vec::new(), exclude: Vec::new(), hidden: false }
    }

    fn env(&self) -> Environment {
        Environment { folders: vec![self.dir.path().to_owned()], ..Environment::default() }
    }

    fn open(&self, config: &FolderConfig) -> Box<dyn Source> {
        config.open(&self.env()).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.at("docs").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[async_trait]
impl Place for Temporary {
    fn source(&self) -> Box<dyn Source> {
        let broken = self.broken.lock().unwrap().take();
        broken.unwrap_or_else(|| self.open(&self.config()))
    }

    async fn put(&mut self, name: &str, text: &str) {
        self.write(name, text);
    }

    async fn remove(&mut self, name: &str) {
        std::fs::remove_file(self.at("docs").join(name)).unwrap();
    }

    async fn break_listing(&mut self) {
        // Root may read whatever there is, so the folder goes while its source is open.
        *self.broken.get_mut().unwrap() = Some(self.source());
        std::fs::remove_dir_all(self.at("docs")).unwrap();
    }
}

#[tokio::test]
async fn a_folder_is_a_source() {
    contract::all(&mut Temporary::new()).await;
}

#[tokio::test]
async fn only_what_is_asked_for_is_taken() {
    let place = Temporary::new();
    for name in ["a.md", "b.pdf", "notes/c.md", "old/d.md", ".git/e.md", ".f.md", "notes/~$c.md"] {
        place.write(name, "x");
    }
    let keys = |scanned: contract::Scanned| scanned.items.into_keys().collect::<Vec<_>>();
    let config = FolderConfig {
        include: vec!["*.md".to_owned()],
        exclude: vec!["old/".to_owned()],
        ..place.config()
    };
    assert_eq!(keys(contract::scan(place.open(&config).as_ref()).await), ["a.md", "notes/c.md"]);
    let config = FolderConfig { hidden: true, ..place.config() };
    assert_eq!(keys(contract::scan(place.open(&config).as_ref()).await).len(), 7);
}

#[tokio::test]
async fn no_link_leads_out_and_nothing_else_is_read() {
    let place = Temporary::new();
    place.write("a.txt", "inside");
    std::fs::create_dir_all(place.at("secret")).unwrap();
    std::fs::write(place.at("secret/s.txt"), "outside").unwrap();
    let config = place.config();
    symlink(place.at("secret/s.txt"), place.at("docs/link.txt")).unwrap();
    symlink(place.at("secret"), place.at("docs/linked")).unwrap();
    symlink(place.at("docs"), place.at("docs/loop")).unwrap();
    rustix::fs::mkfifoat(CWD, place.at("docs/pipe.txt"), Mode::from_raw_mode(0o600)).unwrap();
    let source = place.open(&config);
    let found = contract::texts(source.as_ref()).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["a.txt"]);

    // What was swapped for a link after it was listed is not followed either.
    let (item, _) = contract::scan(source.as_ref()).await.items.remove("a.txt").unwrap();
    for key in ["link.txt", "linked/s.txt", "../secret/s.txt", "pipe.txt", "", "a.txt/b"] {
        let swapped = Item { key: key.to_owned(), ..item.clone() };
        assert!(contract::fetched(source.as_ref(), &swapped, 100).await.is_err(), "{key}");
    }
    assert_eq!(contract::fetched(source.as_ref(), &item, 100).await.unwrap().as_ref(), b"inside");
}

#[tokio::test]
async fn a_folder_that_is_not_allowed_is_refused_with_the_remedy() {
    let place = Temporary::new();
    let config = place.config();
    let refused = |config: &FolderConfig, env: &Environment| config.open(env).err().unwrap();
    let error = refused(&config, &Environment::default());
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(error.message().contains("[sources]"), "{error}");
    // A link below an allowed folder does not make what it leads to allowed.
    let other = tempfile::tempdir().unwrap();
    symlink(other.path(), place.at("way-out")).unwrap();
    let led = FolderConfig { path: place.at("way-out"), ..config.clone() };
    assert_eq!(refused(&led, &place.env()).kind(), Kind::Forbidden);
    let missing = FolderConfig { path: place.at("none"), ..config.clone() };
    assert_eq!(refused(&missing, &place.env()).kind(), Kind::NotFound);
    let unmounted = Environment { folders: vec![place.at("none")], ..Environment::default() };
    assert_eq!(refused(&missing, &unmounted).kind(), Kind::NotFound);
    assert_eq!(refused(&missing, &Environment::default()).kind(), Kind::Forbidden);
    for path in ["docs", "/srv/../etc"] {
        let wrong = FolderConfig { path: PathBuf::from(path), ..config.clone() };
        assert_eq!(wrong.check().unwrap_err().kind(), Kind::Invalid, "{path}");
    }
}

#[tokio::test]
async fn a_file_put_in_place_with_its_old_date_and_size_is_another_version() {
    let place = Temporary::new();
    place.write("a.txt", "one");
    let source = place.open(&place.config());
    let (before, _) = contract::scan(source.as_ref()).await.items.remove("a.txt").unwrap();
    let file = place.at("docs/a.txt");
    let date = std::fs::metadata(&file).unwrap().modified().unwrap();
    std::fs::write(place.at("docs/b.tmp"), "two").unwrap();
    std::fs::File::open(place.at("docs/b.tmp")).unwrap().set_modified(date).unwrap();
    std::fs::rename(place.at("docs/b.tmp"), &file).unwrap();
    let (after, _) = contract::scan(source.as_ref()).await.items.remove("a.txt").unwrap();
    assert_eq!((before.size, before.modified_at), (after.size, after.modified_at));
    assert_ne!(before.version, after.version);
}

#[tokio::test]
async fn a_name_that_is_no_text_is_told_and_stops_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Temporary::new();
    place.write("a.txt", "one");
    let odd = std::ffi::OsStr::from_bytes(b"odd\xff.txt");
    std::fs::write(place.at("docs").join(odd), "x").unwrap();
    let scanned = contract::scan(place.open(&place.config()).as_ref()).await;
    assert!(scanned.ended.is_ok());
    assert_eq!((scanned.items.len(), scanned.failed.len()), (1, 1));
}
