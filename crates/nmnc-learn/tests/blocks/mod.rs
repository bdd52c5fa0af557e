//! The blocks of deep networks: derivatives against finite differences, values against PyTorch, replays under clean statistics.

mod derivatives;
mod golden;
mod replays;

use burn::tensor::{DType, Device, Tensor, TensorData};
use nmnc_core::Seed;
use nmnc_core::seed::Role;
use nmnc_learn::net::{
    Activate, Activation, AdaptiveAverage, Add, Attention, BatchNorm, Block, ClassToken, Concat, Dropout,
    GroupNorm, GroupedConv, GroupedMap, Mode, Pooling, PoolingSpec, TokenDense, Tokens, Window,
};

const BATCH: usize = 4;
const TRAINING: Mode = Mode::Training { seed: Seed(2), step: 5, node: 3, first: 0 };

/// Standard normal numbers.
fn normal(shape: [usize; 2], index: usize, dtype: DType) -> Tensor<2> {
    let mut numbers = vec![0.0; shape[0] * shape[1]];
    Seed(23).stream(Role::Analysis, index, 0).fill_normal(&mut numbers);
    let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
    Tensor::<2>::from_data(TensorData::new(numbers, shape), (&Device::flex(), DType::F64)).cast(dtype)
}

/// One of every kind, with parameters and buffers that are not those it begins with.
fn all(dtype: DType) -> Vec<Box<dyn Block>> {
    let device = Device::flex();
    let pool =
        |kind, window, stride, padding| PoolingSpec { input: [2, 7, 6], kind, window, stride, padding };
    let map = |channels, groups, stride| GroupedMap {
        input: [4, 5, 6],
        channels,
        kernel: 3,
        stride,
        padding: 1,
        groups,
    };
    let n = |rows, columns, index| normal([rows, columns], index, dtype) * 0.5;
    let mut blocks: Vec<Box<dyn Block>> = vec![
        Box::new(Pooling::new(pool(Window::Max, 3, 2, 1))),
        Box::new(Pooling::new(pool(Window::Max, 2, 1, 0))),
        Box::new(Pooling::new(pool(Window::Average, 3, 2, 1))),
        Box::new(AdaptiveAverage::new([2, 7, 5], [3, 2])),
        Box::new(AdaptiveAverage::new([3, 4, 5], [1, 1])),
        Box::new(Activate::new(9, Activation::Gelu)),
        Box::new(Activate::new(9, Activation::Relu)),
        Box::new(Add::new(3, 7)),
        Box::new(Concat::new(&[5, 2, 4])),
        Box::new(Dropout::new(12, 0.4)),
        Box::new(BatchNorm::new(3, 5, 1e-5, 0.1, &device)),
        Box::new(GroupNorm::of_channels(6, 5, 3, 1e-5, &device)),
        Box::new(GroupNorm::of_tokens(4, 7, 1e-6, &device)),
        Box::new(GroupedConv::new(map(8, 2, 1), n(8, 18, 1), Some(n(1, 8, 2)))),
        Box::new(GroupedConv::new(map(4, 4, 2), n(4, 9, 3), None)),
        Box::new(TokenDense::new(3, n(6, 5, 4), n(1, 6, 5), Activation::Tanh)),
        Box::new(Tokens::new(n(1, 4, 6), n(7, 4, 7))),
        Box::new(ClassToken::new(3, 5)),
        Box::new(Attention::new(5, 2, [(n(24, 8, 8), n(1, 24, 9)), (n(8, 8, 10), n(1, 8, 11))])),
    ];
    for (index, block) in blocks.iter_mut().enumerate() {
        for (place, parameter) in block.parameters_mut().into_iter().enumerate() {
            parameter.value = normal(parameter.value.dims(), 100 * index + place, dtype) * 0.5 + 0.2;
        }
        for (place, buffer) in block.buffers_mut().into_iter().enumerate() {
            let moved = normal(buffer.value.dims(), 100 * index + 50 + place, dtype);
            buffer.value = if buffer.name.ends_with("var") { moved.powi_scalar(2) + 0.5 } else { moved };
        }
    }
    blocks
}

fn inputs(block: &dyn Block, index: usize, dtype: DType) -> Vec<Tensor<2>> {
    let units = block.inputs().into_iter().enumerate();
    units.map(|(input, units)| normal([BATCH, units], index + input, dtype)).collect()
}
