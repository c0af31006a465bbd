import * as fc from "fast-check";

/** Property tests draw the same cases in every run, so that a failure is always the change's; `MAINSTAY_TEST_SEED=7 npm test` draws others. */
const DEFAULT_SEED = 20_261_121;

fc.configureGlobal({ seed: Number(process.env["MAINSTAY_TEST_SEED"] ?? DEFAULT_SEED) });
