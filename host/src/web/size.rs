//! Sizes of files and memory.

/// Bytes as people say them: `512 B`, `64 KiB`, `1.4 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = UNITS[0];
    for larger in UNITS.iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    match (tenths / 10, tenths % 10) {
        (whole, part) if whole < 10 && part > 0 => format!("{whole}.{part} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        for (bytes, said) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (64 << 10, "64 KiB"),
            (1_500_000, "1.4 MiB"),
            (64 << 20, "64 MiB"),
            (1 << 40, "1 TiB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }
}
