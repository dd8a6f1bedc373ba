//! Kubernetes' quantities, as far as it takes to tell one from other text.

/// Whether a text is a quantity that is not negative, such as `10m`, `0.5`, `64Mi` or `1e3`.
pub(super) fn is_quantity(text: &str) -> bool {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || digits > 18 || number.len() > digits + 1 {
        return false;
    }
    match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti"
        | "Pi" | "Ei" => true,
        _ => suffix
            .strip_prefix(['e', 'E'])
            .map(|power| power.strip_prefix(['+', '-']).unwrap_or(power))
            .is_some_and(|power| {
                (1..=2).contains(&power.len()) && power.bytes().all(|b| b.is_ascii_digit())
            }),
    }
}

/// How many whole CPUs a quantity reaches into: `1500m` is 2. `None` for what is no amount of CPU.
pub(super) fn cpus(text: &str) -> Option<u32> {
    let millis = match text.strip_suffix('m') {
        Some(millis) => millis.parse::<f64>().ok()?,
        None => text.parse::<f64>().ok()? * 1000.0,
    };
    let cpus = (millis / 1000.0).ceil();
    // Beyond that no machine goes.
    (1.0..=4096.0).contains(&cpus).then_some(cpus as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_told_from_text() {
        for good in [
            "1", "10m", "0.5", ".5", "5.", "+1", "64Mi", "1e3", "1E-2", "2E", "1k", "0",
        ] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in [
            "", "m", "-1", "1 ", "1MB", "1.2.3", "1e", "1e100", "64mi", "1\n", "ten",
        ] {
            assert!(!is_quantity(bad), "{bad:?}");
        }
    }

    #[test]
    fn cpus_are_rounded_up() {
        for (text, expected) in [("100m", 1), ("1", 1), ("1500m", 2), ("2.5", 3)] {
            assert_eq!(cpus(text), Some(expected), "{text}");
        }
        for text in ["0", "1Gi", "NaN", "inf", "-2", ""] {
            assert_eq!(cpus(text), None, "{text}");
        }
    }
}
