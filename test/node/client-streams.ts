import { connect, createServer, type AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { Attach, Exec, KubeConfig, Log, PortForward, type V1Status } from "@kubernetes/client-node";

/** Run on a test's machine with a kubeconfig: what the official client makes of each kind of stream, printed as JSON. */
const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? "");

function collect(): { readonly stream: PassThrough; text(): string } {
  const stream = new PassThrough();
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString("utf8")));
  return { stream, text: () => text };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const out = collect();
const status = await new Promise<V1Status>((resolve, reject) => {
  new Exec(config).exec("default", "box", "web", ["sh", "-c", "echo to js; exit 4"], out.stream, collect().stream, null, false, resolve).catch(reject);
});

const attached = collect();
const input = new PassThrough();
const socket = await new Attach(config).attach("default", "talker", "main", attached.stream, null, input, false);
input.write("from js\n");
await until(() => attached.text().includes("heard from js"));
socket.close();

const forward = new PortForward(config, true);
const server = createServer((connection) => void forward.portForward("default", "box", [8080], connection, null, connection));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const page = collect();
connect((server.address() as AddressInfo).port, "127.0.0.1")
  .on("data", (chunk: Buffer) => void page.stream.write(chunk))
  .write("GET / HTTP/1.1\r\nHost: box\r\n\r\n");
await until(() => page.text().includes("\r\n"));

const log = collect();
const following = await new Log(config).log("default", "box", "web", log.stream, { follow: true });
await until(() => log.text().includes("started\n"));
following.abort();

const exitCode = status.details?.causes?.find((cause) => cause.reason === "ExitCode")?.message;
console.log(
  JSON.stringify({
    exec: { out: out.text(), status: status.status, exitCode },
    input: attached.text().replace(/^.*heard (.*)\n$/s, "$1"),
    forward: page.text().split("\r\n")[0],
    log: log.text().replace("warned\n", ""),
  }),
);
process.exit(0);
