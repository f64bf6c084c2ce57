/*
 * wire: what goes over the wire while a test runs. Clients that use the global fetch are listened to
 * without further ado; a client of another kind hands its exchanges to add().
 */
export class Wire {
    exchanges = [];
    #ops;
    #fetch = globalThis.fetch;

    /* ops: pairs of a pattern of the path and the operation that it is. */
    constructor(ops) {
        this.#ops = ops;
        globalThis.fetch = async (input, init) => {
            const asked = new Request(input, init);
            const request = await asked.clone().text();
            const response = await this.#fetch(asked);
            this.add(asked.url, request, response.status, await response.clone().text());
            return response;
        };
    }

    add(url, request, status, answer) {
        const { pathname } = new URL(url);
        const op = this.#ops.find(([pattern]) => pattern.test(pathname))?.[1];
        if (!op) throw new Error(`the client asked for ${pathname}`);
        this.exchanges.push({ op, status, url: pathname, request: JSON.parse(request), answer: JSON.parse(answer) });
    }

    close() {
        globalThis.fetch = this.#fetch;
    }
}
