/* Receives webhooks: verifies the signature of each request, and prints one JSON line for each new one.

     WEBHOOK_SECRET=whsec_… node dist/receive.js 9000

   A request may come twice, with the same `webhook-id`: do what it asks for once. Answer within 15 seconds, and work later. */

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";

const key = Buffer.from((process.env["WEBHOOK_SECRET"] ?? "").replace("whsec_", ""), "base64");
const seen = new Set<string>(); // in your program: a unique key in the database, written in the transaction of the work

function isGenuine(request: IncomingMessage, body: Buffer): boolean {
  const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": given } = request.headers;
  const signature = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest("base64"));
  const found = String(given).split(" ").map((one) => Buffer.from(one));
  const matches = found.some((one) => one.length === signature.length && timingSafeEqual(one, signature));
  return matches && Math.abs(Date.now() / 1000 - Number(at)) < 300;
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const genuine = isGenuine(request, body);
  const id = String(request.headers["webhook-id"]);
  if (genuine && !seen.has(id)) {
    seen.add(id);
    const { type, data } = JSON.parse(body.toString());
    console.log(JSON.stringify({ id, type, data }));
  }
  response.writeHead(genuine ? 204 : 401).end();
}).listen(Number(process.argv[2]), "127.0.0.1");
