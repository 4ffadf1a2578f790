//! The generator's own random numbers: splitmix64, integers only.
//!
//! Written out here so that a seed means the same bytes for ever, whatever a library does.

/// A splitmix64 stream.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

/// Spreads the bits of a number (the finaliser of splitmix64).
pub(crate) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of one thing (a row, a resource) of one bill: no stream depends on another's length.
    pub(crate) fn of(seed: u64, domain: u64, index: u64) -> Rng {
        Rng(mix(mix(seed ^ domain.wrapping_mul(0xD6E8_FEB8_6659_FD93)) ^ index))
    }

    pub(crate) fn next(&mut self) -> u64 {
        let value = mix(self.0);
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        value
    }

    /// A number in `0..n`; 0 when `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// True in `per_mille` of 1000 cases.
    pub(crate) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A number in `0..n` where small ones are likely: uniform in the logarithm, which is Zipf's law
    /// with exponent 1, reached without a float.
    pub(crate) fn zipf(&mut self, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        let octaves = u64::from(64 - n.leading_zeros());
        loop {
            let octave = self.below(octaves);
            let value = (1u64 << octave) - 1 + self.below(1 << octave);
            if value < n {
                return value;
            }
        }
    }

    /// One of the items, or nothing from nothing.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_splitmix64() {
        let mut rng = Rng(1_234_567);
        assert_eq!(
            [rng.next(), rng.next(), rng.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn zipf_stays_in_range_and_prefers_the_head() {
        let mut rng = Rng(1);
        let draws: Vec<u64> = (0..10_000).map(|_| rng.zipf(1000)).collect();
        assert!(draws.iter().all(|&d| d < 1000));
        let head = draws.iter().filter(|&&d| d < 10).count();
        assert!((2_500..5_000).contains(&head), "{head}");
    }
}
