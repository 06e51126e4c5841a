use super::*;

#[test]
fn a_year_is_said_in_many_ways() {
    for (year, text) in [
        (2021, "Revenue in 2021 was 3 million."),
        (2021, "| 2021 | 3 |"),
        (2021, "report_FY2021_final.pdf"),
        (2021, "scan_20210501.pdf"),
        (2021, "FY21 results"),
        (2021, "the class of '21"),
        (2021, "season 2020/21"),
        (2021, "on 01.05.21"),
        (2021, "from 2019 to 2023"),
        (2021, "between May 2019 and June 2022"),
        (2021, "2019\u{2013}2022"),
        (2020, "2019-22"),
        (2000, "season 1999/00"),
        (2021, "from 2019-10-05 to 2022-03-01"),
        (2021, "Report 2022. In the previous financial year it was 3 million."),
        (2021, "Umsatz 2022: 4 Mio. (Vorjahreswert 3)"),
        (1974, "in the 1970s"),
        (1974, "in the '70s"),
        (1974, "in the seventies"),
        (1974, "in den 1970er Jahren"),
        (1974, "les années 70"),
        (1974, "in the 20th century"),
        (1874, "in the nineteenth century"),
        (1999, "MCMXCIX"),
        (1999, "nineteen ninety-nine"),
        (1905, "nineteen hundred and five"),
        (2021, "two thousand and twenty-one"),
        (2021, "Report 2022. In the previous year it was 3 million."),
        (2021, "In 2020 it was 3 million, and the following year 4 million."),
        (2021, "It opened in 2018 and closed three years later."),
    ] {
        assert!(Years::of(text).say(year), "{year}: {text}");
    }
}

#[test]
fn other_years_are_not_said() {
    for text in [
        "Revenue in 2020 was 3 million and in 2022 it was 4 million.",
        "| 2020 | 2022 |",
        "pages 10-21 of volume 21",
        "on 2019-10-05 and in 2020-05",
        "in the 1970s and the 19th century",
        "It cost 20.21 euros in 2019.",
        "",
    ] {
        assert!(!Years::of(text).say(2021), "{text}");
    }
    assert!(!Years::of("MILD and CIVIC").say(1999));
}

#[test]
fn what_began_before_may_still_be_so() {
    for text in [
        "Since 2015 the head is Anna Berg.",
        "Anna Berg became head in 2015.",
        "The fee is 5 euros (as of 2019).",
        "It will be so until 2030.",
        "From 2015 onwards it is 5 euros.",
        "From 1 January 2015 it is 5 euros.",
        "The fee is 5 euros (as of 1 March 2019).",
        "Ab dem 1. Januar 2015 sind es 5 Euro.",
        "Since the 1st of May 2015 it is 5 euros.",
    ] {
        let years = Years::of(text);
        assert!(years.may_concern(2021) && !years.say(2021), "{text}");
    }
    for text in [
        "Revenue of 2019 was 3 million.",
        "The revenue in 2022 was 4 million.",
        "On 31 December 2022 the balance was 4 million.",
        "Annual Report 2022 Acme",
    ] {
        let years = Years::of(text);
        assert!(!years.may_concern(2021) && years.are_plain(), "{text}");
    }
}

#[test]
fn what_is_compared_or_counted_is_no_plain_year() {
    for text in [
        "Revenue was 4 million, more than in 2020.",
        "It has 2000 employees.",
        "It costs $1999.",
        "It weighs 1200.",
        "The hall has 1800 seats.",
        "About 1800 seats are left.",
        "A total of 1950 bicycles was sold.",
        "Der Saal hat 2000 Plätze.",
        "The tax is 96 euros (Dog Tax Act of 12 March 2019).",
    ] {
        let years = Years::of(text);
        assert!(years.are_any() && !years.are_plain(), "{text}");
    }
    assert!(!Years::of("It was 4 million.").are_any());
}
