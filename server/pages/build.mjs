// Bundles GraphiQL into dist/, with hashed names and compressed copies, so that the page loads nothing from other hosts.
import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";

const ASSETS = "dist/assets";
const FONT = /url\(["']?data:font\/(woff2?);(?:charset=[^;]+;)?base64,([^"')]+)["']?\)/g;

// GraphiQL's style sheet carries its fonts for all alphabets (370 kB). As files, a browser loads only those it needs.
const fonts = {
  name: "fonts",
  setup({ onResolve, onLoad }) {
    const found = [];
    onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path }) => {
      const css = await readFile(path, "utf8");
      const named = (_, type, data) => `url("font:${found.push(Buffer.from(data, "base64")) - 1}.${type}")`;
      return { contents: css.replace(FONT, named), loader: "css" };
    });
    onResolve({ filter: /^font:/ }, ({ path }) => ({ path, namespace: "fonts" }));
    onLoad({ filter: /^font:/, namespace: "fonts" }, ({ path }) => ({
      contents: found[Number.parseInt(path.slice("font:".length))],
      loader: "file",
    }));
  },
};

await rm("dist", { recursive: true, force: true });
await mkdir(ASSETS, { recursive: true });
const result = await build({
  entryPoints: { graphiql: "src/main.jsx" },
  outdir: ASSETS,
  entryNames: "[name]-[hash]",
  assetNames: "font-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  plugins: [fonts],
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
const names = Object.keys(result.metafile.outputs).map((path) => basename(path));
for (const name of names.filter((name) => /\.(js|css)$/.test(name))) {
  await writeFile(`${ASSETS}/${name}.gz`, gzipSync(await readFile(`${ASSETS}/${name}`), { level: 9 }));
}
const manifest = {
  script: names.find((name) => name.endsWith(".js")),
  style: names.find((name) => name.endsWith(".css")),
};
await writeFile("dist/manifest.json", JSON.stringify(manifest));
