// Asks the desk, or a filter file, whether a value is bait.
// Fails open: whatever goes wrong, within a second, the answer is no.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The desk at a URL such as http://127.0.0.1:8090. */
export class Desk {
  constructor(url, secret, timeout = 1000) {
    this.url = url.replace(/\/$/, "") + "/v1/check";
    this.secret = secret;
    this.timeout = timeout;
  }

  /** Whether a value, or any of several, is bait. Context: client, agent, method, path, host, user, request. */
  async isCanary(value, context = {}) {
    try {
      const answer = await fetch(this.url, {
        method: "POST",
        headers: { authorization: `Bearer ${this.secret}`, "content-type": "application/json" },
        body: JSON.stringify({ value, context }),
        signal: AbortSignal.timeout(this.timeout),
      });
      return answer.ok && (await answer.json()).canary === true;
    } catch {
      return false;
    }
  }
}

/** A file that `lapwing filter` wrote, with its key beside it. */
export class Filter {
  constructor(path, keyPath = `${path}.key`) {
    this.key = Buffer.from(readFileSync(keyPath, "ascii").trim(), "hex");
    const data = readFileSync(path);
    if (data.subarray(0, 8).toString("latin1") !== "KBLOOM01") throw new Error(`${path} is no filter`);
    this.bits = data.readBigUInt64LE(8);
    this.probes = data.readUInt32LE(16);
    this.data = data.subarray(28);
    if (BigInt(this.data.length) * 8n < this.bits) throw new Error(`${path} is cut short`);
  }

  /** False: certainly no bait that the filter knows. True: bait, but for one value in a million. */
  mayContain(value) {
    const digest = createHmac("sha256", this.key).update(value).digest();
    const first = digest.readBigUInt64LE(0);
    const step = digest.readBigUInt64LE(8) | 1n;
    for (let probe = 0n; probe < this.probes; probe++) {
      const bit = Number(BigInt.asUintN(64, first + probe * step) % this.bits);
      if (!((this.data[Math.floor(bit / 8)] >> (bit % 8)) & 1)) return false;
    }
    return true;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [one, two] = process.argv.slice(2);
  const filter = one === "--filter" ? new Filter(two) : undefined;
  const desk = new Desk(one, two);
  for await (const line of createInterface({ input: process.stdin })) {
    const found = filter ? filter.mayContain(line) : await desk.isCanary(line);
    console.log(found ? "canary" : "-");
  }
}
