// Bundles GraphiQL into dist/, with hashed names, so that the page needs nothing from any other host.
import { build } from "esbuild";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

await rm("dist", { recursive: true, force: true });
await mkdir("dist");
const result = await build({
  entryPoints: { graphiql: "src/main.jsx" },
  outdir: "dist",
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  loader: { ".woff2": "file", ".woff": "file", ".ttf": "file" },
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
const names = Object.keys(result.metafile.outputs).map((path) => basename(path));
const manifest = {
  script: names.find((name) => name.startsWith("graphiql-") && name.endsWith(".js")),
  style: names.find((name) => name.startsWith("graphiql-") && name.endsWith(".css")),
};
await writeFile("dist/manifest.json", JSON.stringify(manifest));
