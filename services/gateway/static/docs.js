// The API's description, read from this server; nothing is asked of anybody else.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: "none",
  tryItOutEnabled: true,
});
