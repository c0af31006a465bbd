import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";

export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
}

/**
 * Writes an OCI image archive with one layer, the content of `rootfs`. No builder and no registry is needed, only tar.
 * Equal content gives equal digests. (https://github.com/opencontainers/image-spec)
 */
export function buildImage(name: string, rootfs: string, config: ImageConfig, archive: string): void {
  const folder = mkdtempSync(path.join(os.tmpdir(), "mainstay-oci-"));
  try {
    const blobs = path.join(folder, "blobs", "sha256");
    mkdirSync(blobs, { recursive: true });
    const put = (content: Buffer) => {
      const digest = createHash("sha256").update(content).digest("hex");
      writeFileSync(path.join(blobs, digest), content);
      return { digest: `sha256:${digest}`, size: content.length };
    };
    const tar = execFileSync("tar", ["--sort=name", "--mtime=@0", "--numeric-owner", "--owner=0", "--group=0", "-C", rootfs, "-cf", "-", "."], {
      maxBuffer: 2 ** 31 - 1,
    });
    const layer = put(gzipSync(tar, { level: 1 }));
    const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
    const architecture = process.arch === "x64" ? "amd64" : process.arch;
    const json = (value: unknown) => Buffer.from(JSON.stringify(value));
    const image = put(json({ created: "1970-01-01T00:00:00Z", architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: [diffId] } }));
    const manifest = put(
      json({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { mediaType: "application/vnd.oci.image.config.v1+json", ...image },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer }],
      }),
    );
    const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.split(":").pop() ?? "latest" };
    writeFileSync(path.join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    writeFileSync(
      path.join(folder, "index.json"),
      json({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", ...manifest, annotations }] }),
    );
    execFileSync("tar", ["-C", folder, "-cf", archive, "."]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
