//! The rich text of Outlook messages, unpacked (MS-OXRTFCP).

/// Unpacked bytes that are kept of one message's text.
const BYTES_MAX: usize = 64 << 20;
const WINDOW_BYTES: usize = 4096;

/// What both sides know at the start.
const KNOWN: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \
\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\
\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// The RTF in a property's bytes; none when they are not packed so. What comes before
/// a fault is kept.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, packed) = bytes.split_at_checked(16)?;
    match head.get(8..12)? {
        b"MELA" => Some(packed.to_vec()),
        b"LZFu" => Some(expand(packed)),
        _ => None,
    }
}

fn expand(packed: &[u8]) -> Vec<u8> {
    let mut window = Window { bytes: [0; WINDOW_BYTES], at: 0, written: Vec::new() };
    KNOWN.iter().for_each(|&byte| window.put(byte));
    window.written.clear();
    let mut rest = packed.iter().copied();
    while let Some(kinds) = rest.next() {
        for kind in 0..8 {
            let go_on = match kinds >> kind & 1 {
                0 => rest.next().map(|byte| window.put(byte)),
                _ => rest.next().zip(rest.next()).and_then(|(high, low)| window.copy(high, low)),
            };
            if go_on.is_none() || window.written.len() > BYTES_MAX {
                return window.written;
            }
        }
    }
    window.written
}

struct Window {
    bytes: [u8; WINDOW_BYTES],
    at: usize,
    written: Vec<u8>,
}

impl Window {
    fn put(&mut self, byte: u8) {
        self.written.push(byte);
        if let Some(place) = self.bytes.get_mut(self.at) {
            *place = byte;
        }
        self.at = (self.at + 1) % WINDOW_BYTES;
    }

    /// Repeats what was written before: 12 bits say where, 4 how much. None at the mark of the end.
    fn copy(&mut self, high: u8, low: u8) -> Option<()> {
        let token = usize::from(u16::from_be_bytes([high, low]));
        let (from, length) = (token >> 4, (token & 15) + 2);
        if from == self.at {
            return None;
        }
        for step in 0..length {
            let byte = self.bytes.get((from + step) % WINDOW_BYTES).copied()?;
            self.put(byte);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_unpacked() {
        let simple = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0,
            0x0a, 0, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68,
            0x65, 0x6c, 0x09, 0, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f,
            0xa0,
        ];
        assert_eq!(unpack(&simple).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let overlapping = [
            0x1a, 0, 0, 0, 0x1c, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xe2, 0xd4, 0x4b, 0x51, 0x41, 0,
            0x04, 0x20, 0x57, 0x58, 0x59, 0x5a, 0x0d, 0x6e, 0x7d, 0x01, 0x0e, 0xb0,
        ];
        assert_eq!(unpack(&overlapping).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    }

    #[test]
    fn faults_end_the_text() {
        assert_eq!(unpack(b"too short"), None);
        assert_eq!(unpack(&[7; 40]), None);
        assert_eq!(unpack(b"\0\0\0\0\0\0\0\0MELA\0\0\0\0as is").unwrap(), b"as is");
        assert_eq!(expand(&[0, b'a', b'b']), b"ab");
        assert_eq!(expand(&[1, 0]), b"");
    }
}
