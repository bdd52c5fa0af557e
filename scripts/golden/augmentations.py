"""augmentations.json and picture.jpg: what Pillow and torchvision make of images.

Pictures are a formula of row, column and channel, so that only results are
kept, as hexadecimal bytes of `[height, width, channels]`: whole images scaled
and cropped, parts scaled, colors changed; the part of an image that
RandomResizedCrop takes when none of its tries can succeed; and a JPEG with
subsampled colors, as Pillow decodes it.

Made with torchvision 0.29 and Pillow 13. Rerun: python scripts/golden/augmentations.py [--out FOLDER]
"""
import argparse
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as F

from common import GOLDEN


def picture(height, width, channels=3):
    row, column, channel = np.ogrid[:height, :width, :channels]
    values = row * 31 + column * 17 + channel * 97 + row * column * (channel + 1) + column * column // 7
    return Image.fromarray((values % 256).astype(np.uint8).squeeze())


def colors():
    """Every pair of steps of two channels, a third that follows both, and some grays."""
    first, second = np.mgrid[:16, :16] * 17
    image = np.stack([first, second, (first * 3 + second * 5) % 256], 2).astype(np.uint8)
    image[-1] = np.arange(16)[:, None] * 17
    return Image.fromarray(image)


def shown(image):
    return np.asarray(image).tobytes().hex()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=GOLDEN)
    out = Path(parser.parse_args().out)
    whole = []
    for size, short, crop in [((40, 53), 24, 20), ((53, 40), 24, 24), ((9, 13), 24, 17), ((30, 90), 16, 16), ((21, 21), 21, 14)]:
        for channels in [3, 1]:
            image = picture(*size, channels)
            result = transforms.CenterCrop(crop)(transforms.Resize(short)(image))
            whole.append({"size": size, "channels": channels, "short": short, "crop": crop, "pixels": shown(result)})
    parts = []
    for size, part, to in [((40, 53), (3, 7, 30, 25), 16), ((40, 53), (0, 0, 5, 4), 12), ((40, 53), (10, 20, 16, 16), 16)]:
        result = F.resized_crop(picture(*size), *part, [to, to])
        parts.append({"size": size, "part": part, "to": to, "pixels": shown(result)})
    tints = []
    for name, change, factors in [
        ("brightness", F.adjust_brightness, [0.0, 0.6, 1.0, 1.7]),
        ("contrast", F.adjust_contrast, [0.0, 0.45, 1.9]),
        ("saturation", F.adjust_saturation, [0.0, 0.3, 1.8]),
        ("hue", F.adjust_hue, [-0.5, -0.13, 0.1, 0.5]),
    ]:
        for factor in factors:
            tints.append({"name": name, "factor": factor, "pixels": shown(change(colors(), factor))})
    middle = []
    for height, width in [(10, 1000), (1000, 10), (7, 9), (3, 400), (11, 15)]:
        law = transforms.RandomResizedCrop.get_params(Image.new("L", (width, height)), [1.0, 1.0], [0.9999, 1.0001])
        middle.append({"size": [height, width], "part": list(law)})
    smooth = picture(6, 8).resize((96, 64), Image.BICUBIC)
    jpeg = io.BytesIO()
    smooth.save(jpeg, "JPEG", quality=85)
    (out / "picture.jpg").write_bytes(jpeg.getvalue())
    decoded = Image.open(io.BytesIO(jpeg.getvalue())).convert("RGB")
    result = {"whole": whole, "parts": parts, "tints": tints, "middle": middle, "jpeg": shown(decoded)}
    (out / "augmentations.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
