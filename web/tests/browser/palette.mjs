// A picture with at most 256 colours, for the documentation: a third of the bytes of a true one.

import { readFile, writeFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';

const COLOURS = 256;

/** Writes a PNG file anew; a page decodes it. */
export async function shrink(page, path) {
  const source = (await readFile(path)).toString('base64');
  const { width, height, pixels } = await page.evaluate(decode, source);
  const bytes = Buffer.from(pixels, 'base64');
  await writeFile(path, encode({ width, height, bytes }));
}

async function decode(source) {
  const bytes = Uint8Array.from(atob(source), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
  const pen = new OffscreenCanvas(image.width, image.height).getContext('2d');
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, image.width, image.height);
  let text = '';
  for (let at = 0; at < data.length; at += 30_000) {
    text += String.fromCharCode(...data.subarray(at, at + 30_000));
  }
  return { width: image.width, height: image.height, pixels: btoa(text) };
}

/** The colours that occur most, by their upper five bits each; others become the nearest of them. */
function palette(bytes) {
  const counts = new Map();
  for (let at = 0; at < bytes.length; at += 4) {
    const key = ((bytes[at] >> 3) << 10) | ((bytes[at + 1] >> 3) << 5) | (bytes[at + 2] >> 3);
    const sum = counts.get(key) ?? [0, 0, 0, 0];
    sum[0] += 1;
    for (let part = 0; part < 3; part += 1) sum[part + 1] += bytes[at + part];
    counts.set(key, sum);
  }
  // A small spot of a strong colour says more than shades of grey.
  const weight = ([count, ...sums]) =>
    count * (1 + (Math.max(...sums) - Math.min(...sums)) / count / 8);
  const common = [...counts].sort(([, a], [, b]) => weight(b) - weight(a));
  const colours = common
    .slice(0, COLOURS)
    .map(([, [count, ...sums]]) => sums.map((sum) => Math.round(sum / count)));
  const indexes = new Map();
  for (const [key, [count, ...sums]] of common) {
    const mean = sums.map((sum) => sum / count);
    indexes.set(key, nearest(colours, mean));
  }
  return { colours, indexes };
}

function nearest(colours, [red, green, blue]) {
  let best = 0;
  let least = Infinity;
  colours.forEach((colour, index) => {
    const far = (colour[0] - red) ** 2 + (colour[1] - green) ** 2 + (colour[2] - blue) ** 2;
    if (far < least) [best, least] = [index, far];
  });
  return best;
}

function encode({ width, height, bytes }) {
  const { colours, indexes } = palette(bytes);
  const lines = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 4;
      const key = ((bytes[at] >> 3) << 10) | ((bytes[at + 1] >> 3) << 5) | (bytes[at + 2] >> 3);
      lines[y * (width + 1) + 1 + x] = indexes.get(key);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // Eight bits a pixel, each the index of a colour.
  head.set([8, 3, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('PLTE', Buffer.from(colours.flat())),
    chunk('IDAT', deflateSync(lines, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
