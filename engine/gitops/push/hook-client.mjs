// Run by Git as pre-receive and post-receive hook: hands the push to the engine over its socket and prints what it answers.
// Plain JavaScript without imports of ours: it starts with every push, and 40 ms of Node are its whole cost.
import net from "node:net";

const [, , hook, socketPath, repository] = process.argv;
let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", send);

function send() {
  const updates = input
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [from, to, ref] = line.split(" ");
      return { from, to, ref };
    });
  const count = Number(process.env.GIT_PUSH_OPTION_COUNT ?? 0);
  const options = Array.from({ length: count }, (_, index) => process.env[`GIT_PUSH_OPTION_${index}`] ?? "");
  const objectDir = process.env.GIT_OBJECT_DIRECTORY;
  const alternates = (process.env.GIT_ALTERNATE_OBJECT_DIRECTORIES ?? "").split(":").filter(Boolean);
  const socket = net.connect(socketPath);
  let exitCode;
  let isConnected = false;
  let text = "";
  socket.on("connect", () => {
    isConnected = true;
    socket.write(
      `${JSON.stringify({ hook, repository, push: process.env.MAINSTAY_PUSH ?? "", updates, options, overlay: objectDir && hook === "pre-receive" ? { objectDir, alternates } : undefined })}\n`,
    );
  });
  socket.on("data", (chunk) => {
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) {
      const message = JSON.parse(line);
      if (message.line !== undefined) process.stdout.write(`${message.line}\n`);
      if (message.exit !== undefined) exitCode = message.exit;
    }
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    if (exitCode === undefined && hook === "pre-receive")
      process.stdout.write(
        isConnected
          ? "refused: the engine ended before it had checked the push; push again once it runs\n"
          : "refused: the engine is not running, so the push cannot be checked; start it with npm start\n",
      );
    process.exitCode = exitCode ?? (hook === "pre-receive" ? 1 : 0);
  });
}
