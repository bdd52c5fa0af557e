//! Random numbers made on accelerators against the processor's. A device that this machine lacks is named and passed over.

use burn::tensor::{Device, Tensor};
use nmnc_core::device;
use nmnc_core::seed::{Role, Seed};

fn bits(numbers: &Tensor<2>) -> Vec<u32> {
    device::values::<f32>(numbers).into_iter().map(f32::to_bits).collect()
}

#[test]
fn a_processor_is_tried_without_a_driver() {
    device::try_out("flex").unwrap();
    for name in ["flex", "flex:0", "vulkan:x", "nothing", ""] {
        assert!(!device::has_driver(name), "{name}");
    }
}

#[test]
fn what_people_call_devices_is_known() {
    for (name, known) in [("cpu", "flex"), ("flex", "flex"), ("vulkan:1", "vulkan:1"), ("cpus", "cpus")] {
        assert_eq!(device::canonical(name), known);
    }
    device::open("cpu").unwrap();
    // Either an accelerator of its kind, or a word about the build.
    match device::canonical("gpu:1").as_str() {
        "gpu:1" => {
            let problem = device::open("gpu").unwrap_err();
            assert_eq!(problem.kind(), nmnc_core::ErrorKind::Device);
            assert!(problem.to_string().contains("this build has no support of accelerators"), "{problem}");
        }
        name => assert!(device::has_driver(name) && name.ends_with(":1"), "{name}"),
    }
}

#[test]
fn streams_give_the_same_bits_on_every_device() {
    for name in device::NAMES {
        let accelerator = match device::open(name) {
            Ok(accelerator) => accelerator,
            Err(reason) => {
                println!("skipped: {reason}");
                continue;
            }
        };
        println!("{name}");
        let stream = Seed(77).stream(Role::Probe, 3, 1 << 40);
        for (offset, shape) in [(0, [1, 1]), (0, [7, 300]), (5, [1, 64]), (64, [3, 64]), (9000, [70, 901])] {
            let on = |device: &Device| {
                let whole = |mut stream: nmnc_core::seed::Stream| {
                    let numbers = [stream.normals(shape, device), stream.signs(shape, device)];
                    (numbers.each_ref().map(bits), stream.next_u32())
                };
                let parts =
                    [stream.normals_from(offset, shape, device), stream.signs_from(offset, shape, device)];
                (whole(stream.clone()), parts.each_ref().map(bits))
            };
            assert_eq!(on(&accelerator), on(&Device::flex()), "{name}, {shape:?} from {offset}");
        }
    }
}
