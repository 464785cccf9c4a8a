//! As much of protocol buffers as two messages each way need.

/// A field of a message that holds bytes: a text, bytes or another message.
type Field<'m> = (u64, &'m [u8]);

/// The length-delimited fields of a message, the others passed over. Ends at what is no message.
pub fn fields(mut message: &[u8]) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut message)?;
            match tag & 7 {
                0 => {
                    varint(&mut message)?;
                }
                1 => message = message.get(8..)?,
                2 => {
                    let length = usize::try_from(varint(&mut message)?).ok()?;
                    let (value, rest) = message.split_at_checked(length)?;
                    message = rest;
                    return Some((tag >> 3, value));
                }
                5 => message = message.get(4..)?,
                _ => return None,
            }
        }
    })
}

/// The first field of this number.
pub fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).find(|(found, _)| *found == number).map(|(_, value)| value)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Adds a length-delimited field.
pub fn put(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = value.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(value);
}
