/** Files that build.ts makes and embeds; imported with { type: "file" } they are paths. */
declare module "*.tar.gz" {
	const path: string;
	export default path;
}
declare module "*/build/image-config" {
	const path: string;
	export default path;
}
declare module "*/build/image-manifest" {
	const path: string;
	export default path;
}
declare module "*/build/licences" {
	const path: string;
	export default path;
}
