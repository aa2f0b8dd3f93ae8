// Files of public/ are imported as text: `import css from "../public/app.css" with { type: "text" }`.

declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.svg" {
  const text: string;
  export default text;
}

declare module "*.js" {
  const text: string;
  export default text;
}
