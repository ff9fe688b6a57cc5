// A page as its visitors have it: usage: node page.mjs URL PATTERN CHROMIUM
// Waits until what the page shows or says to its console is as the pattern wants it, and says how
// that begins.
import { chromium } from "playwright-core";

const [url, wanted, executablePath] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath, args, headless: true });
const page = await browser.newPage();
const said = [];
page.on("pageerror", (error) => said.push(String(error)));
page.on("console", async (message) => {
  // What is said while the page is closed is not there to be looked at any more.
  const values = await Promise.all(message.args().map((it) => it.jsonValue())).catch(() => []);
  said.push(values.length > 0 ? JSON.stringify(values) : message.text());
});
await page.goto(url);
const pattern = new RegExp(wanted);
const shown = async () => [await page.innerText("body"), ...said].join("\n");
const until = performance.now() + 30_000;
while (!pattern.test(await shown()) && performance.now() < until) await page.waitForTimeout(50);
const text = await shown();
await browser.close();
// Whoever runs this reads it at the end, so it must fit into a pipe.
const words = `${text.slice(0, 4_000)}\n`;
process.stdout.write(words, () => process.exit(pattern.test(text) ? 0 : 1));
