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
    let mut width: usize = 1;
    while width < count {
        let mut merged = Vec::with_capacity(count);
        for pair in places.chunks(width.saturating_mul(2)) {
            merge(pair.split_at_checked(width).unwrap_or((pair, &[])), compare, &mut merged);
        }
        places = merged;
        width = width.saturating_mul(2);
    }
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

/// Merges two sorted runs; of equal ones, those of the left come first.
fn merge((left, right): (&[usize], &[usize]), compare: &dyn Fn(usize, usize) -> Ordering, merged: &mut Vec<usize>) {
    let (mut left, mut right) = (left, right);
    // What is sorted already costs one comparison.
    let sorted = left.last().zip(right.first()).is_none_or(|(&a, &b)| compare(a, b).is_le());
    while !sorted && let ([a, a_rest @ ..], [b, b_rest @ ..]) = (left, right) {
        if compare(*a, *b).is_le() {
            merged.push(*a);
            left = a_rest;
        } else {
            merged.push(*b);
            right = b_rest;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
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
