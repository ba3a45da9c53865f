//! A header block as it is sent (RFC 7541): how each field is represented, which decoders do not report.

/// How a field is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By its place in a table.
    Indexed,
    /// A literal that enters the dynamic table.
    Remembered,
    /// A literal that does not enter the table.
    NotIndexed,
    /// A literal that no hop may enter into a table.
    NeverIndexed,
}

/// One field.
#[derive(Debug)]
pub struct Field {
    pub form: Form,
    /// A place in a table, or 0.
    pub index: usize,
    /// Name and value as they were coded; empty where they are in a table.
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

/// The fields of a block.
pub fn fields(mut block: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    while let Some(first) = block.first() {
        let (form, bits) = match first {
            0x80.. => (Form::Indexed, 7),
            0x40.. => (Form::Remembered, 6),
            // An update of the size of the table, which is no field.
            0x20.. => {
                integer(&mut block, 5);
                continue;
            }
            0x10.. => (Form::NeverIndexed, 4),
            _ => (Form::NotIndexed, 4),
        };
        let index = integer(&mut block, bits);
        let literal = form != Form::Indexed;
        let name = if literal && index == 0 { string(&mut block) } else { Vec::new() };
        let value = if literal { string(&mut block) } else { Vec::new() };
        fields.push(Field { form, index, name, value });
    }
    fields
}

/// A text in the Huffman code of RFC 7541. The code is canonical, so the characters in the order of their code lengths define it.
pub fn huffman(text: &str) -> Vec<u8> {
    const LENGTHS: [(u32, &str); 8] = [
        (5, "012aceiost"),
        (6, " %-./3456789=A_bdfghlmnpru"),
        (7, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
        (8, "&*,;XZ"),
        (10, "!\"()?"),
        (11, "'+|"),
        (12, "#>"),
        (13, "\0$@[]~"),
    ];
    let code = |wanted: char| {
        let (mut next, mut before) = (0_u32, 0);
        for (length, characters) in LENGTHS {
            next <<= length - before;
            before = length;
            for character in characters.chars() {
                if character == wanted {
                    return (0..length).rev().map(move |bit| next >> bit & 1 == 1);
                }
                next += 1;
            }
        }
        panic!("{wanted:?} has no short code")
    };
    let mut bits: Vec<bool> = text.chars().flat_map(code).collect();
    bits.resize(bits.len().next_multiple_of(8), true);
    bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}

fn integer(block: &mut &[u8], bits: u32) -> usize {
    let mut next = || {
        let (first, rest) = block.split_first().expect("a whole block");
        *block = rest;
        usize::from(*first)
    };
    let most = (1 << bits) - 1;
    let mut value = next() & most;
    if value == most {
        for shift in (0..).step_by(7) {
            let byte = next();
            value += (byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
    }
    value
}

fn string(block: &mut &[u8]) -> Vec<u8> {
    let length = integer(block, 7);
    let (text, rest) = block.split_at(length);
    *block = rest;
    text.to_vec()
}
