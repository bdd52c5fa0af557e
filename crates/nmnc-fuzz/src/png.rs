//! Checksums of PNG files.

/// The longest signature and chunk head there are.
const HEAD: usize = 8;

/// `bytes` with the checksum that each chunk should have.
pub(crate) fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = HEAD;
    while let Some(head) = out.get(at..at + HEAD) {
        let length = u32::from_be_bytes(head[..4].try_into().expect("four bytes")) as usize;
        let end = at + HEAD + length;
        if end + 4 > out.len() {
            break;
        }
        let sum = checksum(&out[at + 4..end]);
        out[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    out
}

/// CRC-32 of ISO 3309.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |s, _| (s >> 1) ^ (0xedb8_8320 & (s & 1).wrapping_neg()))
    })
}
