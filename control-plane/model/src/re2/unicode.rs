//! The Unicode classes that RE2 knows: general categories and scripts.

/// The names of the Unicode classes that every supported Envoy knows; sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().map(|(name, _)| *name)
}

/// The class of that name, which has to be written exactly so.
pub(super) fn known(name: &str) -> Option<&'static str> {
    find(name).map(|(name, _)| name)
}

/// The most instructions that the class of that name, its opposite, or either with cases folded
/// takes.
pub(super) fn instructions(name: &str) -> u32 {
    find(name).map_or(0, |(_, instructions)| instructions)
}

fn find(name: &str) -> Option<(&'static str, u32)> {
    CLASSES
        .binary_search_by_key(&name, |(known, _)| known)
        .ok()
        .map(|index| CLASSES[index])
}

/// Measured with RE2 itself, rounded up to a multiple of ten.
#[rustfmt::skip]
const CLASSES: &[(&str, u32)] = &[
    ("Adlam", 30), ("Ahom", 30), ("Anatolian_Hieroglyphs", 20), ("Any", 10), ("Arabic", 120),
    ("Armenian", 30), ("Avestan", 20), ("Balinese", 20), ("Bamum", 30), ("Bassa_Vah", 30),
    ("Batak", 20), ("Bengali", 30), ("Bhaiksuki", 30), ("Bopomofo", 30), ("Brahmi", 20),
    ("Braille", 20), ("Buginese", 20), ("Buhid", 20), ("C", 110), ("Canadian_Aboriginal", 30),
    ("Carian", 20), ("Caucasian_Albanian", 30), ("Cc", 20), ("Cf", 100), ("Chakma", 30),
    ("Cham", 30), ("Cherokee", 30), ("Chorasmian", 20), ("Co", 30), ("Common", 410), ("Coptic", 30),
    ("Cs", 20), ("Cuneiform", 30), ("Cypriot", 30), ("Cypro_Minoan", 20), ("Cyrillic", 60),
    ("Deseret", 20), ("Devanagari", 30), ("Dives_Akuru", 30), ("Dogra", 20), ("Duployan", 30),
    ("Egyptian_Hieroglyphs", 20), ("Elbasan", 20), ("Elymaic", 20), ("Ethiopic", 90),
    ("Georgian", 40), ("Glagolitic", 30), ("Gothic", 20), ("Grantha", 40), ("Greek", 100),
    ("Gujarati", 30), ("Gunjala_Gondi", 30), ("Gurmukhi", 40), ("Han", 80), ("Hangul", 60),
    ("Hanifi_Rohingya", 20), ("Hanunoo", 20), ("Hatran", 20), ("Hebrew", 40), ("Hiragana", 40),
    ("Imperial_Aramaic", 20), ("Inherited", 130), ("Inscriptional_Pahlavi", 20),
    ("Inscriptional_Parthian", 20), ("Javanese", 30), ("Kaithi", 20), ("Kannada", 30),
    ("Katakana", 60), ("Kawi", 30), ("Kayah_Li", 20), ("Kharoshthi", 30),
    ("Khitan_Small_Script", 30), ("Khmer", 30), ("Khojki", 30), ("Khudawadi", 30), ("L", 1200),
    ("Lao", 30), ("Latin", 110), ("Lepcha", 30), ("Limbu", 30), ("Linear_A", 30), ("Linear_B", 30),
    ("Lisu", 30), ("Ll", 890), ("Lm", 260), ("Lo", 1000), ("Lt", 40), ("Lu", 850), ("Lycian", 20),
    ("Lydian", 20), ("M", 750), ("Mahajani", 20), ("Makasar", 20), ("Malayalam", 30),
    ("Mandaic", 20), ("Manichaean", 20), ("Marchen", 30), ("Masaram_Gondi", 30), ("Mc", 430),
    ("Me", 40), ("Medefaidrin", 20), ("Meetei_Mayek", 30), ("Mende_Kikakui", 20),
    ("Meroitic_Cursive", 30), ("Meroitic_Hieroglyphs", 20), ("Miao", 30), ("Mn", 820), ("Modi", 20),
    ("Mongolian", 40), ("Mro", 30), ("Multani", 30), ("Myanmar", 30), ("N", 480), ("Nabataean", 20),
    ("Nag_Mundari", 20), ("Nandinagari", 30), ("Nd", 270), ("New_Tai_Lue", 30), ("Newa", 20),
    ("Nko", 20), ("Nl", 70), ("No", 280), ("Nushu", 30), ("Nyiakeng_Puachue_Hmong", 30),
    ("Ogham", 20), ("Ol_Chiki", 20), ("Old_Hungarian", 20), ("Old_Italic", 20),
    ("Old_North_Arabian", 20), ("Old_Permic", 20), ("Old_Persian", 30), ("Old_Sogdian", 20),
    ("Old_South_Arabian", 20), ("Old_Turkic", 20), ("Old_Uyghur", 20), ("Oriya", 40), ("Osage", 30),
    ("Osmanya", 20), ("P", 580), ("Pahawh_Hmong", 30), ("Palmyrene", 20), ("Pau_Cin_Hau", 20),
    ("Pc", 40), ("Pd", 80), ("Pe", 160), ("Pf", 40), ("Phags_Pa", 20), ("Phoenician", 20),
    ("Pi", 40), ("Po", 550), ("Ps", 160), ("Psalter_Pahlavi", 20), ("Rejang", 30), ("Runic", 30),
    ("S", 560), ("Samaritan", 20), ("Saurashtra", 20), ("Sc", 100), ("Sharada", 20),
    ("Shavian", 20), ("Siddham", 30), ("SignWriting", 30), ("Sinhala", 40), ("Sk", 100),
    ("Sm", 170), ("So", 440), ("Sogdian", 20), ("Sora_Sompeng", 30), ("Soyombo", 30),
    ("Sundanese", 20), ("Syloti_Nagri", 20), ("Syriac", 30), ("Tagalog", 20), ("Tagbanwa", 30),
    ("Tai_Le", 20), ("Tai_Tham", 30), ("Tai_Viet", 20), ("Takri", 30), ("Tamil", 40),
    ("Tangsa", 30), ("Tangut", 30), ("Telugu", 30), ("Thaana", 20), ("Thai", 20), ("Tibetan", 30),
    ("Tifinagh", 30), ("Tirhuta", 20), ("Toto", 20), ("Ugaritic", 20), ("Vai", 20),
    ("Vithkuqi", 30), ("Wancho", 20), ("Warang_Citi", 30), ("Yezidi", 20), ("Yi", 20), ("Z", 40),
    ("Zanabazar_Square", 20), ("Zl", 20), ("Zp", 20), ("Zs", 40),
];
