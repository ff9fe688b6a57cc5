// A page whose messages nobody but itself hears. A page that playwright drives is told to it
// message by message, which costs two processes more than the page's own work on it.

/** Opens a page of the browser's own context. */
export async function openUnheard(browser, url, { width, height }) {
  const session = await browser.newBrowserCDPSession();
  const { targetId } = await session.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await session.send('Target.attachToTarget', { targetId });
  const page = new Unheard(session, sessionId);
  const metrics = { width, height, deviceScaleFactor: 1, mobile: false };
  await page.send('Emulation.setDeviceMetricsOverride', metrics);
  await page.send('Page.navigate', { url });
  return page;
}

/** Such a page. */
class Unheard {
  #session;
  #sessionId;
  #calls = 0;
  #waiting = new Map();

  constructor(session, sessionId) {
    this.#session = session;
    this.#sessionId = sessionId;
    session.on('Target.receivedMessageFromTarget', ({ message }) => {
      const { id, result, error } = JSON.parse(message);
      this.#waiting.get(id)?.({ result, error });
      this.#waiting.delete(id);
    });
  }

  /** What a function says that is run in the page, with an argument. */
  async evaluate(run, argument) {
    const expression = `(${run})(${JSON.stringify(argument)})`;
    const how = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', how);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'failed');
    return result.value;
  }

  /** Calls a method of the DevTools protocol. */
  async send(method, params) {
    const id = (this.#calls += 1);
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    const sessionId = this.#sessionId;
    await this.#session.send('Target.sendMessageToTarget', { message, sessionId });
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }
}
