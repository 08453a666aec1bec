// Another system's client, from the contract's files alone: a run from its opening to its end.
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { JournalService } from "./generated/vekha/v1/journal_pb.js";
import { OfferService } from "./generated/vekha/v1/offers_pb.js";
import { RoadMapService } from "./generated/vekha/v1/road_maps_pb.js";
import { RunService, RunState } from "./generated/vekha/v1/runs_pb.js";

const [baseUrl, token] = process.argv.slice(2);
if (!baseUrl || !token) throw new Error("node client.js URL TOKEN");
const authorize: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${token}`);
  return next(request);
};
const transport = createGrpcTransport({ baseUrl, interceptors: [authorize] });
const activities = createClient(RoadMapService, transport);
const runs = createClient(RunService, transport);

// All activities, a few at a time.
const parent = "municipalities/zarechny";
const names: string[] = [];
let pageToken = "";
do {
  const page = await activities.listActivities({ parent, pageSize: 10, pageToken });
  names.push(...page.activities.map((activity) => activity.short));
  pageToken = page.nextPageToken;
} while (pageToken);

const start = { parent: `${parent}/activities/vpr`, period: "2025-26", requestId: "started-once" };
const run = await runs.startRun(start);
const again = await runs.startRun(start);

// What may be done, and what the answer is to what may not.
const { offers } = await createClient(OfferService, transport).listOffers({ parent: run.name });
let refused: { code: string; details: string[] } | undefined;
try {
  await runs.cancelRun({ name: run.name, reason: "" });
} catch (error) {
  const { code, details } = ConnectError.from(error);
  const types = details.map((detail) => ("type" in detail ? detail.type : detail.desc.typeName));
  refused = { code: Code[code] ?? "", details: types };
}
const cancelled = await runs.cancelRun({ name: run.name, reason: "Проба клиента" });

// The journal from its beginning to the end of that run.
const kinds: string[] = [];
const watching = new AbortController();
const entries = createClient(JournalService, transport).watchEntries(
  { parent: run.name, afterCursor: 0n },
  { signal: watching.signal, timeoutMs: 30_000 },
);
try {
  for await (const { kind } of entries) {
    kinds.push(kind);
    if (kind === "run-cancelled") break;
  }
} finally {
  watching.abort();
}

console.log(
  JSON.stringify({
    names,
    same: again.name === run.name,
    offered: offers.map((offer) => offer.method),
    refused,
    ended: RunState[cancelled.state],
    kinds,
  }),
);
