//! Sorting, compiled once.

use std::cmp::Ordering;

/// Sorts `items`; equal ones stay in their order. The standard library's sort is made anew for every type and order, 3 KB each time:
/// this one sorts places, whatever they stand for.
pub fn sort<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let swaps = swaps(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => compare(a, b),
        _ => Ordering::Equal,
    });
    for places in swaps {
        if let Ok([a, b]) = items.get_disjoint_mut(places) {
            std::mem::swap(a, b);
        }
    }
}

/// The pairs of places that change what they hold, one pair after the other, to sort what stands at the places 0 to `count`.
#[inline(never)]
fn swaps(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<[usize; 2]> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|&a, &b| compare(a, b));
    // From where to which place, turned into to which place from where.
    let mut targets = places.clone();
    for (to, &from) in places.iter().enumerate() {
        targets.get_mut(from).into_iter().for_each(|target| *target = to);
    }
    let mut swaps = Vec::new();
    for place in 0..count {
        // What stands here goes where it belongs, and what comes from there too, until that is here.
        while let Some(&target) = targets.get(place).filter(|target| **target != place) {
            swaps.push([place, target]);
            targets.swap(place, target);
        }
    }
    swaps
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn sorts_as_the_standard_library_does(mut items: Vec<(u8, u32)>) {
            let mut theirs = items.clone();
            theirs.sort_by_key(|pair| pair.0);
            sort(&mut items, |a, b| a.0.cmp(&b.0));
            proptest::prop_assert_eq!(items, theirs);
        }
    }
}
