"""pictures.json: files of pictures with transparency, EXIF orientation and four inks, and what Pillow makes of them.

Each case is a file and its bytes, in hexadecimal, in color and in
gray: turned upright (`ImageOps.exif_transpose`), pasted on white where it is
transparent, then converted to "RGB" and to "L". Files of four inks are JPEGs:
as Pillow writes them, with Adobe's mark; the same without the mark; and the
same with the mark that says YCCK, which gives the coefficients another
meaning.

Made with Pillow 13.0.0 and numpy 2.4.6. Rerun: python scripts/golden/pictures.py [--out FOLDER]
"""
import argparse
import io
import json
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
SIZE = (12, 9)


def values(channels, seed):
    """Smooth in space, so that JPEG keeps it, with all levels."""
    row, column, channel = np.ogrid[: SIZE[1], : SIZE[0], :channels]
    wave = np.sin(row * 0.5 + channel * 1.7 + seed) * np.cos(column * 0.4 - channel * 0.9) + 0.15 * np.sin(row * column)
    return np.clip(127.5 + 115 * wave, 0, 255).astype(np.uint8)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shown(blob):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(blob)))
    if image.has_transparency_data:
        image = image.convert("RGBA" if image.mode != "LA" else "LA")
        ground = Image.new("RGB" if image.mode == "RGBA" else "L", image.size, "white")
        ground.paste(image.convert(ground.mode), mask=image.getchannel("A"))
        image = ground
    color = image if image.mode in ("RGB", "L") else image.convert("RGB")
    return color.convert("RGB"), color.convert("L")


def files():
    color, alpha = Image.fromarray(values(3, 0)), Image.fromarray(values(4, 1), "RGBA")
    yield "color.png", encoded(color, "PNG")
    yield "alpha.png", encoded(alpha, "PNG")
    gray = Image.fromarray(np.ascontiguousarray(values(2, 2)), "LA")
    yield "gray-alpha.png", encoded(gray, "PNG")
    palette = color.quantize(16)
    yield "palette.png", encoded(palette, "PNG")
    yield "palette-transparent.png", encoded(palette, "PNG", transparency=3)
    yield "color-key.png", encoded(Image.fromarray(values(3, 0) // 64 * 64), "PNG", transparency=(64, 128, 64))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}.png", encoded(color, "PNG", exif=exif)
        yield f"orientation-{orientation}.jpg", encoded(color, "JPEG", quality=95, subsampling=0, exif=exif)
    inks = encoded(Image.fromarray(values(4, 3), "CMYK"), "JPEG", quality=95)
    at = inks.index(b"\xff\xee\x00\x0eAdobe")
    yield "cmyk-adobe.jpg", inks
    yield "cmyk.jpg", inks[:at] + inks[at + 16 :]
    yield "ycck.jpg", inks[: at + 15] + b"\x02" + inks[at + 16 :]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    cases = []
    for name, blob in files():
        color, gray = shown(blob)
        cases.append({
            "name": name, "file": blob.hex(), "size": [color.height, color.width],
            "color": np.asarray(color).tobytes().hex(), "gray": np.asarray(gray).tobytes().hex()})
    text = json.dumps({
        "made_by": "scripts/golden/pictures.py", "pillow": PIL.__version__, "numpy": np.__version__,
        "cases": cases}, indent=1)
    (out / "pictures.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
