/* One ELF file, four programs, by the name that each is started by. */
#include "monitor.h"
#include "net/net.h"
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], "nanocontainer-proxy") == 0)
		return proxy_main(argc, argv);
	if (argc > 0 && strcmp(argv[0], "nanocontainer-names") == 0)
		return names_main(argc, argv);
	return monitor_main(argc, argv);
}
