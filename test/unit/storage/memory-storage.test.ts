import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { describeStorage, PROGRESS_INTERVAL_MS } from "../../storage/contract.ts";

describeStorage("the memory store", async () => openMemoryStorage({ progressIntervalMs: PROGRESS_INTERVAL_MS }));
