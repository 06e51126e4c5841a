//! What the script of a text tells of its language, however short the text is.
//!
//! A script that one language here has to itself tells it; for others certain letters tell
//! languages apart that have no rules here. Latin letters tell nothing.

use super::language::Language;

/// Fewer letters tell nothing: a formula has some Greek ones.
const FEWEST: usize = 4;

/// Letters by script, and of some those that tell languages apart.
#[derive(Default)]
struct Letters {
    all: usize,
    arabic: usize,
    /// Of Persian, Urdu and others, not of Arabic.
    beyond_arabic: usize,
    cyrillic: usize,
    /// Of Ukrainian, Serbian, Kazakh and others, not of Russian.
    beyond_russian: usize,
    /// A hard sign that is a vowel, as in Bulgarian.
    vowel_sign: usize,
    /// Of Russian, not of Bulgarian.
    beyond_bulgarian: usize,
    greek: usize,
    han: usize,
    hangul: usize,
    kana: usize,
    latin: usize,
    tamil: usize,
}

/// The language that the script of most letters of `text` tells; none where it does not.
pub(super) fn language(text: &str) -> Option<Language> {
    let found = Letters::of(text);
    let most = |letters: usize| letters * 2 > found.all;
    if found.all < FEWEST || most(found.latin) {
        return None;
    }
    let eastern = found.han + found.hangul + found.kana;
    Some(if most(found.cyrillic) {
        found.cyrillic_language()
    } else if most(found.arabic) {
        match found.beyond_arabic * 50 >= found.arabic {
            true => Language::Other,
            false => Language::Arabic,
        }
    } else if most(found.greek) {
        Language::Greek
    } else if most(found.tamil) {
        Language::Tamil
    } else if most(eastern) {
        // A Japanese text is never without kana for long, and a Korean one may quote Chinese.
        if found.hangul * 2 > eastern {
            Language::Korean
        } else if found.kana * 20 >= eastern {
            Language::Japanese
        } else {
            Language::Chinese
        }
    } else if most(found.all - found.latin - found.named()) {
        Language::Other
    } else {
        return None;
    })
}

impl Letters {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut letters = text.chars().filter(|c| c.is_alphabetic()).peekable();
        while let Some(letter) = letters.next() {
            found.all += 1;
            match letter {
                '\u{600}'..='\u{6ff}' => {
                    found.arabic += 1;
                    found.beyond_arabic += usize::from(matches!(
                        letter,
                        '\u{67e}'
                            | '\u{686}'
                            | '\u{698}'
                            | '\u{6af}'
                            | '\u{6a9}'
                            | '\u{6cc}'
                            | '\u{679}'
                            | '\u{6d2}'
                    ));
                }
                '\u{400}'..='\u{52f}' => {
                    found.cyrillic += 1;
                    match letter {
                        'ъ' | 'Ъ' => {
                            let next = letters.peek();
                            let sign = next.is_some_and(|next| "еёюяЕЁЮЯ".contains(*next));
                            found.vowel_sign += usize::from(!sign);
                        }
                        'ы' | 'э' | 'ё' | 'Ы' | 'Э' | 'Ё' => found.beyond_bulgarian += 1,
                        'а'..='я' | 'А'..='Я' => {}
                        _ => found.beyond_russian += 1,
                    }
                }
                '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => found.greek += 1,
                '\u{b80}'..='\u{bff}' => found.tamil += 1,
                '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}' => {
                    found.kana += 1;
                }
                '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}' => {
                    found.hangul += 1;
                }
                '\u{3005}'..='\u{3007}'
                | '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{323af}' => found.han += 1,
                'a'..='z'
                | 'A'..='Z'
                | '\u{aa}'..='\u{24f}'
                | '\u{1e00}'..='\u{1eff}'
                | '\u{fb00}'..='\u{fb06}'
                | '\u{ff21}'..='\u{ff5a}' => found.latin += 1,
                _ => {}
            }
        }
        found
    }

    /// Letters of scripts that are told apart here, without Latin ones.
    fn named(&self) -> usize {
        self.arabic + self.cyrillic + self.greek + self.han + self.hangul + self.kana + self.tamil
    }

    /// Russian, unless letters tell that it is another one, for which there are no rules.
    fn cyrillic_language(&self) -> Language {
        let another = self.beyond_russian * 50 >= self.cyrillic && self.beyond_russian > 0;
        let bulgarian = self.vowel_sign * 100 >= self.cyrillic && self.beyond_bulgarian == 0;
        match another || (bulgarian && self.vowel_sign > 0) {
            true => Language::Other,
            false => Language::Russian,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_tells_the_language_of_a_short_text() {
        for (text, language) in [
            ("Красный маяк стоит на скале.", Language::Russian),
            ("Подъезд закрыт.", Language::Russian),
            ("Червоний маяк стоїть на скелі.", Language::Other),
            ("Червеният фар стои на ъгъла.", Language::Other),
            ("Црвени светионик стоји на стени.", Language::Other),
            ("Ο κόκκινος φάρος", Language::Greek),
            ("المنارة الحمراء على الصخرة", Language::Arabic),
            ("فانوس دریایی سرخ روی صخره است", Language::Other),
            ("המגדלור האדום", Language::Other),
            ("लाल प्रकाशस्तंभ", Language::Other),
            ("சிவப்பு கலங்கரை விளக்கம்", Language::Tamil),
            ("Կարմիր փարոս", Language::Other),
            ("ประภาคารสีแดง", Language::Other),
            ("赤い灯台は岩の上に立つ。", Language::Japanese),
            ("红色的灯塔在岩石上。", Language::Chinese),
            ("빨간 등대는 바위 위에 있다.", Language::Korean),
            ("Москва: GPS и радар на маяке", Language::Russian),
        ] {
            assert_eq!(super::language(text), Some(language), "{text}");
        }
    }

    #[test]
    fn latin_letters_and_a_formula_tell_nothing() {
        for text in ["", "Häuser", "The word маяк is Russian.", "α + β = 3", "2024-05-01"] {
            assert_eq!(language(text), None, "{text}");
        }
    }
}
