import { startupSnapshot } from "node:v8";
import "commander";
import "../../control-plane.ts";
import "../server-command.ts";

/**
 * The program that a snapshot is made of: what a server needs is loaded before it is made. The command line itself is loaded by the process that
 * it is for, since its arguments, environment and host are read there.
 */
startupSnapshot.setDeserializeMainFunction(() => void import("../../main.ts"));
