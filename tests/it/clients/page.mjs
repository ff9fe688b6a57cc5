// A page as its visitors have it: usage: node page.mjs URL PATTERN CHROMIUM
// Waits until what the page shows or says to its console is as the pattern wants it, and says it.
import { chromium } from "playwright-core";

const [url, wanted, executablePath] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath, args, headless: true });
const page = await browser.newPage();
const said = [];
page.on("pageerror", (error) => said.push(String(error)));
page.on("console", async (message) => {
  const values = await Promise.all(message.args().map((value) => value.jsonValue()));
  said.push(values.length > 0 ? JSON.stringify(values) : message.text());
});
await page.goto(url);
const pattern = new RegExp(wanted);
const shown = async () => [await page.innerText("body"), ...said].join("\n");
const until = performance.now() + 30_000;
while (!pattern.test(await shown()) && performance.now() < until) await page.waitForTimeout(50);
const text = await shown();
await browser.close();
process.stdout.write(`${text}\n`, () => process.exit(pattern.test(text) ? 0 : 1));
