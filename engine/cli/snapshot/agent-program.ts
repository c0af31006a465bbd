import { startupSnapshot } from "node:v8";
import "../../../node-agent/main.ts";
import { runCommandLine } from "../command-line.ts";

/** The same for the node agent, which a server runs as a process of its own. */
startupSnapshot.setDeserializeMainFunction(() => void runCommandLine(process.argv.slice(2)));
