import { startupSnapshot } from "node:v8";
import "commander";
import "../../control-plane.ts";
import { keepSchemaTexts } from "../../resources/load-schema.ts";
import "../server-command.ts";

/**
 * The program that the server's snapshot is made of: what it needs is loaded before. The command line itself is loaded by the process that it is
 * for, since its arguments, environment and host are read there.
 */
keepSchemaTexts();
startupSnapshot.setDeserializeMainFunction(() => void import("../../main.ts"));
