//! `nmnc plan`.

use std::path::PathBuf;

use clap::Args;

use super::Overrides;

pub const EXAMPLES: &str = "Examples:
  nmnc plan cifar10.toml
  nmnc plan cifar10.toml --set credit.rule=vnc --set train.batch=256 --json
  nmnc plan imagenet.toml --image 3x224x224 --classes 1000 --examples 1281167,50000

By stages: units, dimension of the manifold, parameters, and what a step, a perturbed pass and a refresh of the manifold \
multiply and move; then memory, and the time of a step, an epoch and the whole, from each operation timed by itself for a moment on \
this machine. Images are opened to learn their size, unless that is given. Other programs that run meanwhile make the times longer.";

/// `nmnc plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Configuration file (TOML)
    pub config: PathBuf,
    /// What to change.
    #[command(flatten)]
    pub overrides: Overrides,
    /// Channels, height and width of the images, instead of opening them
    #[arg(long, value_name = "CxHxW", value_parser = image, requires_all = ["classes", "examples"])]
    pub image: Option<[usize; 3]>,
    /// Classes of the images
    #[arg(long, value_name = "N", value_parser = super::count, requires = "image")]
    pub classes: Option<usize>,
    /// Images for training and, after a comma, for evaluation
    #[arg(long, value_name = "N[,N]", value_parser = examples, requires = "image")]
    pub examples: Option<[usize; 2]>,
    /// Only count: time nothing
    #[arg(long)]
    pub untimed: bool,
}

fn image(text: &str) -> Result<[usize; 3], String> {
    let sides = text.split('x').map(super::count).collect::<Result<Vec<_>, _>>().ok();
    let sides = sides.and_then(|sides| <[usize; 3]>::try_from(sides).ok());
    sides.ok_or_else(|| "not channels, height and width such as 3x224x224".to_owned())
}

fn examples(text: &str) -> Result<[usize; 2], String> {
    let number = |text: &str| match text.parse() {
        Ok(number @ 1..=1_000_000_000) => Ok(number),
        _ => Err("not a whole number from 1 to 1000000000, or two of them with a comma".to_owned()),
    };
    let (train, held_out) = text.split_once(',').unwrap_or((text, "1"));
    Ok([number(train)?, number(held_out)?])
}

#[cfg(test)]
mod tests {
    use super::{examples, image};

    #[test]
    fn sizes_are_read_as_they_are_written() {
        assert_eq!(image("3x224x224"), Ok([3, 224, 224]));
        for wrong in ["", "3x224", "3x224x224x1", "3x0x224", "axbxc", "3x224x-1"] {
            assert!(image(wrong).is_err(), "{wrong}");
        }
        assert_eq!((examples("1281167,50000"), examples("7")), (Ok([1_281_167, 50_000]), Ok([7, 1])));
        for wrong in ["", "0", "1,", ",1", "1,2,3", "1e6", "99999999999"] {
            assert!(examples(wrong).is_err(), "{wrong}");
        }
    }
}
