//! The ruleset every candidate stores: the shape of Jackstaff's compiled flags without their meaning.

use alloc::{format, string::String, vec, vec::Vec};

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Ruleset {
    pub flags: Vec<Flag>,
    /// Open addressing by key: 0 is free, otherwise the flag's position plus one. Not in the JSON: it is made by compiling.
    #[cfg_attr(feature = "json", serde(skip))]
    pub index: Vec<u32>,
}

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Flag {
    pub key: String,
    pub id: String,
    pub kind: u8,
    pub rules: Vec<Rule>,
    pub variants: Vec<Variant>,
}

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Rule {
    pub seed: u32,
    pub nodes: Vec<Node>,
    pub splits: Vec<Split>,
}

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Node {
    pub op: u8,
    pub comparator: u8,
    pub attribute: String,
    pub operands: Vec<String>,
}

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Split {
    pub weight: f64,
    pub variant: u32,
}

#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "rkyv",
    derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)
)]
pub struct Variant {
    pub key: String,
    pub value: String,
}

/// FNV-1a: any stored hash would do, all candidates use this one.
pub fn hash(key: &[u8]) -> u32 {
    key.iter().fold(0x811c_9dc5, |h, b| {
        (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
    })
}

/// Looks a key up in an open-addressed index. `slot` reads an entry, `is_key` compares a flag's key.
/// Bounded by the index's length whatever the index holds.
pub fn find(
    len: usize,
    key: &[u8],
    slot: impl Fn(usize) -> Option<u32>,
    is_key: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mask = len.checked_sub(1)?;
    let mut at = hash(key) as usize;
    for _ in 0..len {
        let flag = slot(at & mask)?.checked_sub(1)? as usize;
        if is_key(flag) {
            return Some(flag);
        }
        at = at.wrapping_add(1);
    }
    None
}

/// What the walk does with each field: touch it and fold it into a checksum that all candidates must agree on.
pub struct Sum(pub u64);

impl Sum {
    pub fn number(&mut self, n: u64) {
        self.0 = self.0.rotate_left(5) ^ n;
    }
    pub fn text(&mut self, s: &[u8]) {
        self.number(s.len() as u64 + u64::from(s.last().copied().unwrap_or(0)));
    }
}

/// A deterministic source of numbers (splitmix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

pub fn key(n: usize) -> String {
    format!("team-{}.flag-{n}", n % 17)
}

/// A ruleset of `n` flags, each one decision of 3 rules with 2 to 4 conditions, 2 to 3 splits and 2 to 3 variants.
pub fn ruleset(n: usize) -> Ruleset {
    let rng = &mut Rng(n as u64);
    let flags: Vec<Flag> = (0..n)
        .map(|i| {
            let variants = 2 + rng.below(2);
            Flag {
                key: key(i),
                id: format!("{:024x}", i * 0x9e37_79b9),
                kind: (i % 4) as u8,
                rules: (0..3).map(|_| rule(rng, variants)).collect(),
                variants: (0..variants)
                    .map(|v| Variant {
                        key: format!("variant-{v}"),
                        value: format!("value {v} of flag {i}"),
                    })
                    .collect(),
            }
        })
        .collect();
    let mut index = vec![0; (n * 2).next_power_of_two()];
    for (i, flag) in flags.iter().enumerate() {
        let mut at = hash(flag.key.as_bytes()) as usize;
        while index[at & (index.len() - 1)] != 0 {
            at += 1;
        }
        let mask = index.len() - 1;
        index[at & mask] = i as u32 + 1;
    }
    Ruleset { flags, index }
}

fn rule(rng: &mut Rng, variants: u64) -> Rule {
    Rule {
        seed: rng.below(1 << 32) as u32,
        nodes: (0..2 + rng.below(3))
            .map(|_| Node {
                op: rng.below(3) as u8,
                comparator: rng.below(14) as u8,
                attribute: format!("attribute-{}", rng.below(20)),
                operands: (0..1 + rng.below(3))
                    .map(|_| format!("operand {}", rng.below(500)))
                    .collect(),
            })
            .collect(),
        splits: (0..variants)
            .map(|v| Split {
                weight: 1.0 / variants as f64,
                variant: v as u32,
            })
            .collect(),
    }
}
