import { startupSnapshot } from "node:v8";
import "../../control-plane.ts";
import { keepSchemaTexts } from "../../resources/load-schema.ts";
import { rehearseCommandLine, runCommandLine } from "../command-line.ts";
import "../server-command.ts";
import { rehearseStart } from "./rehearsal.ts";

/** The program that the server's snapshot is made of: what it needs is loaded before, and what all starts begin with has been run once. */
keepSchemaTexts();
rehearseCommandLine();
void rehearseStart();
startupSnapshot.setDeserializeMainFunction(() => void runCommandLine(process.argv.slice(2)));
