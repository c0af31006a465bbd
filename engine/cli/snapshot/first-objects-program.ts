import { makeFirstObjects } from "./rehearsal.ts";

/** Prints what every cluster begins with, for the programs that are being prepared. */
void makeFirstObjects().then((objects) => process.stdout.write(JSON.stringify(objects)));
