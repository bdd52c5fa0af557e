//! Philox4x32-10 (Salmon et al., SC 2011), a counter-based generator.

/// Blocks that one group of [`group`] holds.
pub(super) const LANES: usize = 16;

/// The words of [`LANES`] successive blocks: entry `[k][lane]` is word k of block `lane`.
pub(super) type Words = [[u32; LANES]; 4];

/// One block of four words.
#[inline(always)]
pub(super) fn block(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for round in 0..10 {
        if round > 0 {
            key[0] = key[0].wrapping_add(WEYL[0]);
            key[1] = key[1].wrapping_add(WEYL[1]);
        }
        let first = MULTIPLIER[0] * u64::from(counter[0]);
        let second = MULTIPLIER[1] * u64::from(counter[2]);
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
    }
    counter
}

/// The blocks of `counter` and of the next fifteen, computed side by side.
#[inline(always)]
pub(super) fn group(counter: [u32; 4], key: [u32; 2]) -> Words {
    let mut words = [[0; LANES]; 4];
    for lane in 0..LANES {
        let [low, rest @ ..] = counter;
        let [second, third, fourth] = rest;
        let block = block([low.wrapping_add(lane as u32), second, third, fourth], key);
        for (word, value) in words.iter_mut().zip(block) {
            word[lane] = value;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the Random123 library.
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(block([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(block([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            block([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn a_group_is_its_blocks() {
        let (counter, key) = ([40, 1, 2, 3], [5, 6]);
        let words = group(counter, key);
        for lane in 0..LANES {
            let expected = block([40 + lane as u32, 1, 2, 3], key);
            assert_eq!(words.map(|word| word[lane]), expected);
        }
    }
}
