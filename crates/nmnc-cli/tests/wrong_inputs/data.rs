//! In data.

use std::fs;

use super::{case, check, prepared};

#[test]
fn in_data() {
    check(&[
        case(
            "train tiny.toml --set data.source=nowhere",
            4,
            "data.source: `nowhere` is neither a file or folder nor a known set; known: fashion-mnist-sample, cifar10, cifar100, mnist, fashion-mnist",
        ),
        case(
            "train tiny.toml --set data.source=cifar10",
            4,
            "data.source: `cifar10` is not in <tmp>/data/cifar10; run `nmnc data fetch cifar10`",
        ),
        case(
            "train tiny.toml --set data.source=cifar-10",
            4,
            "data.source: `cifar-10` is neither a file or folder nor a known set; did you mean `cifar10`?",
        ),
        case(
            "data info nowhere",
            4,
            "data.source: `nowhere` is neither a file or folder nor a known set; known: fashion-mnist-sample, cifar10, cifar100, mnist, fashion-mnist",
        ),
        case(
            "data reduce fashion-mnist-sample --components 3 --out few.csv",
            3,
            "--out: `few.csv` does not end in .npz",
        ),
        case(
            "data reduce fashion-mnist-sample --components 3 --set train_limt=5 --out few.npz",
            3,
            "data: unknown setting `train_limt`; did you mean `train_limit`?",
        ),
        case(
            "data reduce fashion-mnist-sample --components 3 --set augment.flip=true --out few.npz",
            3,
            "data.augment: is for training on what is made; leave it out here",
        ),
        case(
            "data reduce fashion-mnist-sample --components 785 --out few.npz",
            3,
            "components: there are no 785 components: the training examples vary along 784; take fewer, or more examples",
        ),
        case(
            "data verify mnist",
            4,
            "<tmp>/data/mnist/train-images-idx3-ubyte.gz: is not there; run `nmnc data fetch mnist`",
        ),
        case(
            "data verify cifar11",
            3,
            "data set: no known data set is called `cifar11`; did you mean `cifar10`?",
        ),
        case("data fetch minst", 3, "data set: no known data set is called `minst`; did you mean `mnist`?"),
        case(
            "data fetch fashion-mnist-sample",
            3,
            "data set: `fashion-mnist-sample` is part of nmnc; use it as `data.source` without fetching anything",
        ),
        case(
            "train tiny.toml --set data.source=t-{0..x}.tar",
            3,
            "data.source: `t-{0..x}.tar`: `{0..x}` is no range and no list; write shards as in `train-{000..146}.tar` or `{a,b}.tar`",
        ),
        case(
            "train tiny.toml --set data.test_source=t-{0..1}.tar",
            3,
            "data.test_source: is for shards, and this set is `embedded`; put both splits into one folder or archive",
        ),
        prepared(
            |f| f.write("train-0.tar", "not an archive"),
            "train tiny.toml --set data.source=train-{0..0}.tar",
            4,
            "train-0.tar: ends without the end mark of a tar archive; the file is truncated or no tar archive: get it again",
        ),
        prepared(
            |f| fs::create_dir(f.path("empty")).unwrap(),
            "train tiny.toml --set data.source=empty",
            4,
            "empty: is not recognized as a data set; it should hold `train/` or `train.tar.gz` with one folder per class, such folders alone, shards as `train-000.tar`, `train.npz`, IDX files named as in MNIST, or the binary files of CIFAR",
        ),
        prepared(
            |f| f.write("x.tar.gz", "not an archive"),
            "train tiny.toml --set data.source=x.tar.gz",
            4,
            "x.tar.gz: is neither .npz nor .tar nor .tar.gz; for IDX or CIFAR files, give the folder that holds them",
        ),
        prepared(
            |f| f.write("x.npz", "PK\u{3}\u{4}not an archive"),
            "data info x.npz",
            4,
            "x.npz: cannot be read: invalid Zip archive: Could not find EOCD; the file is truncated or damaged: get it again",
        ),
        prepared(
            |f| f.write("x.txt", "text"),
            "data info x.txt",
            4,
            "x.txt: is neither .npz nor .tar nor .tar.gz; for IDX or CIFAR files, give the folder that holds them",
        ),
        prepared(
            |f| f.write("images/train/cat/1.png", "not an image"),
            "train tiny.toml --set data.source=images",
            4,
            "images/train: has no test split; set `data.validation` to hold out some of the training examples",
        ),
        prepared(
            |f| f.write("idx/train-images-idx3-ubyte", "\0\0\u{8}\u{3}\0\0"),
            "data info idx",
            4,
            "idx: no file `train-labels*` beside the images",
        ),
        prepared(
            |f| f.write("data/mnist/train-images-idx3-ubyte.gz", "short"),
            "data verify mnist",
            4,
            "<tmp>/data/mnist/train-images-idx3-ubyte.gz: has 5 bytes instead of 9912422; run `nmnc data fetch mnist`",
        ),
    ]);
}
