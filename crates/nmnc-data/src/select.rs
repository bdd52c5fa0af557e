//! Which examples of a split are used.

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::{Role, Seed};

/// Indices of the streams of [`Role::Subset`].
const TRAIN: usize = 0;
const TEST: usize = 1;
const VALIDATION: usize = 2;

/// The training examples to use and those held out, both ascending.
pub(crate) struct Chosen {
    pub(crate) train: Vec<usize>,
    pub(crate) validation: Vec<usize>,
}

/// Holds out `validation` examples, then limits the rest.
pub(crate) fn training(
    labels: &[u32],
    classes: usize,
    limit: Option<usize>,
    validation: usize,
    seed: Seed,
    warnings: &mut Vec<String>,
) -> Result<Chosen> {
    if validation >= labels.len() {
        return Err(Error::config(
            "data.validation",
            format!("holding out {validation} of {} training examples leaves none", labels.len()),
        ));
    }
    let held_out = balanced(labels, classes, validation, seed);
    let mut left: Vec<usize> = (0..labels.len()).collect();
    left.retain(|index| held_out.binary_search(index).is_err());
    let train = limited(left, labels, classes, limit, seed, ("train", TRAIN), warnings);
    Ok(Chosen { train, validation: held_out })
}

/// The test examples to use, ascending.
pub(crate) fn test(
    labels: &[u32],
    classes: usize,
    limit: Option<usize>,
    seed: Seed,
    warnings: &mut Vec<String>,
) -> Vec<usize> {
    limited((0..labels.len()).collect(), labels, classes, limit, seed, ("test", TEST), warnings)
}

/// The first `limit` of `indices`, unless the file order is grouped by class and the first ones lack a class.
fn limited(
    mut indices: Vec<usize>,
    labels: &[u32],
    classes: usize,
    limit: Option<usize>,
    seed: Seed,
    (name, stream): (&str, usize),
    warnings: &mut Vec<String>,
) -> Vec<usize> {
    let Some(limit) = limit.filter(|&limit| limit < indices.len()) else { return indices };
    let present = |indices: &[usize]| {
        let mut seen = vec![false; classes];
        indices.iter().for_each(|&index| seen[labels[index] as usize] = true);
        seen.into_iter().filter(|&seen| seen).count()
    };
    let (first, all) = (present(&indices[..limit]), present(&indices));
    if first < all && grouped(&indices, labels, classes) {
        warnings.push(format!(
            "the {name} examples are grouped by class and the first {limit} hold {first} of {all} classes: a \
             random subset that the seed determines is used instead"
        ));
        let mut chosen: Vec<usize> = seed
            .stream(Role::Subset, stream, 0)
            .sample(indices.len(), limit)
            .into_iter()
            .map(|at| indices[at])
            .collect();
        chosen.sort_unstable();
        return chosen;
    }
    indices.truncate(limit);
    indices
}

/// Whether neighbors share a class far more often than in a shuffled order.
///
/// A short prefix of a shuffled set of many classes may lack a class too; that is no reason to leave the order of the files.
fn grouped(indices: &[usize], labels: &[u32], classes: usize) -> bool {
    let mut counts = vec![0f64; classes];
    indices.iter().for_each(|&index| counts[labels[index] as usize] += 1.0);
    let total = indices.len() as f64;
    let differ = 1.0 - counts.iter().map(|count| (count / total).powi(2)).sum::<f64>();
    let changes = indices.windows(2).filter(|pair| labels[pair[0]] != labels[pair[1]]).count();
    (changes as f64) < 0.5 * differ * (total - 1.0)
}

/// `count` examples, as many of each class as possible, ascending. Every class keeps at least one example while it can.
fn balanced(labels: &[u32], classes: usize, count: usize, seed: Seed) -> Vec<usize> {
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label as usize].push(index);
    }
    let mut quota = vec![0usize; classes];
    let mut left = count;
    // Rounds of equal shares; what small classes cannot give falls to the others. The second pass takes last examples.
    for spare in [1, 0] {
        while left > 0 {
            let open: Vec<usize> =
                (0..classes).filter(|&class| quota[class] + spare < members[class].len()).collect();
            if open.is_empty() {
                break;
            }
            let share = (left / open.len()).max(1);
            for class in open {
                let take = share.min(members[class].len() - spare - quota[class]).min(left);
                quota[class] += take;
                left -= take;
            }
        }
    }
    let mut chosen = Vec::with_capacity(count);
    for (class, members) in members.iter().enumerate() {
        let picks = seed.stream(Role::Subset, VALIDATION + class, 0).sample(members.len(), quota[class]);
        chosen.extend(picks.into_iter().map(|at| members[at]));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_is_balanced_disjoint_and_seeded() {
        let labels: Vec<u32> = (0..1000).map(|i| (i * 7 % 10) as u32).collect();
        let pick = |seed| training(&labels, 10, Some(600), 205, Seed(seed), &mut Vec::new()).unwrap();
        let chosen = pick(1);
        assert_eq!((chosen.train.len(), chosen.validation.len()), (600, 205));
        assert!(chosen.train.iter().all(|index| chosen.validation.binary_search(index).is_err()));
        for class in 0..10 {
            let count = chosen.validation.iter().filter(|&&i| labels[i] == class).count();
            assert!((20..=21).contains(&count), "{count}");
        }
        assert_eq!(chosen.validation, pick(1).validation);
        assert_ne!(chosen.validation, pick(2).validation);
    }

    #[test]
    fn small_classes_give_what_they_have_and_keep_one() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 2];
        let chosen = training(&labels, 3, None, 5, Seed(0), &mut Vec::new()).unwrap();
        let count = |class| chosen.validation.iter().filter(|&&i| labels[i] == class).count();
        assert_eq!((count(0), count(1), count(2)), (4, 1, 0));
        assert!(training(&labels, 3, None, 9, Seed(0), &mut Vec::new()).is_err());
        assert_eq!(training(&labels, 3, None, 8, Seed(0), &mut Vec::new()).unwrap().train.len(), 1);
    }

    #[test]
    fn a_limit_takes_the_first_unless_the_order_is_grouped() {
        let mut warnings = Vec::new();
        let shuffled: Vec<u32> = (0..400).map(|i| (i * 37 % 100) as u32).collect();
        assert_eq!(test(&shuffled, 100, Some(50), Seed(0), &mut warnings), (0..50).collect::<Vec<_>>());
        assert!(warnings.is_empty());
        let sorted: Vec<u32> = (0..400).map(|i| (i / 100) as u32).collect();
        let chosen = test(&sorted, 4, Some(100), Seed(0), &mut warnings);
        assert_eq!(warnings.len(), 1);
        for class in 0..4 {
            assert!(chosen.iter().any(|&i| sorted[i] == class));
        }
        assert_eq!(test(&sorted, 4, Some(4000), Seed(0), &mut warnings).len(), 400);
    }
}
