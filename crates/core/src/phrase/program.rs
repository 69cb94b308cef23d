//! Programs by what they are for, and names that are no proper ones.

phrases! {
    PREVIEW: "a link preview ({name})", "una vista previa de enlaces ({name})";
    MAIL: "a mail gateway or mail reader's helper ({name})", "una pasarela de correo o un auxiliar de un lector de correo ({name})";
    CRAWLER: "a crawler ({name})", "un rastreador ({name})";
    RESEARCH: "an internet scanner ({name})", "un escáner de internet ({name})";
    SECRETS: "a secret scanner ({name})", "un buscador de secretos ({name})";
    MONITOR: "a monitoring probe ({name})", "una sonda de supervisión ({name})";

    A_LINK_PREVIEW: "a link preview", "una vista previa de enlaces";
    A_ROBOT: "a robot", "un robot";
    A_WEB_BROWSER: "a web browser", "un navegador web";
    A_MASTODON_SERVER: "a Mastodon server", "un servidor de Mastodon";
    A_MATRIX_SERVER: "a Matrix server", "un servidor de Matrix";
    A_MISSKEY_SERVER: "a Misskey server", "un servidor de Misskey";
    A_PLEROMA_SERVER: "a Pleroma server", "un servidor de Pleroma";
    A_TWILIO_LIBRARY: "a Twilio library", "una biblioteca de Twilio";
    AN_AWS_LIBRARY: "an AWS library", "una biblioteca de AWS";
    AN_OPENAI_LIBRARY: "an OpenAI library", "una biblioteca de OpenAI";
    AN_AWS_LOAD_BALANCER: "an AWS load balancer", "un balanceador de carga de AWS";
    A_GOOGLE_LOAD_BALANCER: "a Google load balancer", "un balanceador de carga de Google";
    A_KUBERNETES_PROBE: "a Kubernetes probe", "una sonda de Kubernetes";
    A_NAGIOS_PROBE: "a Nagios probe", "una sonda de Nagios";
    A_PROMETHEUS_PROBE: "a Prometheus probe", "una sonda de Prometheus";
    AN_NMAP_SCAN: "an Nmap scan", "una exploración de Nmap";
    A_MASSCAN_SCAN: "a masscan scan", "una exploración de masscan";
    A_ZGRAB_SCAN: "a ZGrab scan", "una exploración de ZGrab";
    A_NUCLEI_SCAN: "a Nuclei scan", "una exploración de Nuclei";
    GMAIL_PROXY: "Gmail's image proxy", "el proxy de imágenes de Gmail";
    YAHOO_PROXY: "Yahoo Mail's image proxy", "el proxy de imágenes de Yahoo Mail";
    OFFICE_LINK_CHECK: "Microsoft Office's link check", "la comprobación de enlaces de Microsoft Office";
    GO_CLIENT: "Go's HTTP client", "el cliente HTTP de Go";
    JAVA_CLIENT: "Java's HTTP client", "el cliente HTTP de Java";
    PYTHON_URLLIB: "Python's urllib", "urllib de Python";
    AWS_COMMAND_LINE: "the AWS command line", "la línea de órdenes de AWS";
    GITHUB_COMMAND_LINE: "the GitHub command line", "la línea de órdenes de GitHub";
    INTERNET_ARCHIVE: "the Internet Archive", "Internet Archive";
    SKYPE_OR_TEAMS: "Skype or Teams", "Skype o Teams";

    A_RESOLVER: "a public resolver", "un servidor DNS público";
    A_RESEARCH_SCANNER: "a research scanner", "un escáner de investigación";
    A_VPN: "a commercial VPN", "una VPN comercial";
    AZURE_CHINA: "Microsoft Azure in China", "Microsoft Azure en China";
    AZURE_GERMANY: "Microsoft Azure in Germany", "Microsoft Azure en Alemania";
    AZURE_US: "Microsoft Azure for the US government", "Microsoft Azure para el Gobierno de Estados Unidos";
    M365_CHINA: "Microsoft 365 in China", "Microsoft 365 en China";
    MICHIGAN: "University of Michigan", "Universidad de Míchigan";

    A_PROGRAM: "a program", "un programa";
    LINUX: "Linux or Android", "Linux o Android";
    APPLE: "an Apple system", "un sistema de Apple";

    HEADLESS: "headless Chromium", "Chromium sin interfaz";
    OTHERS: "others", "otros";
}
