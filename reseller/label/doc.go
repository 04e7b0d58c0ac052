// Package label is the private label: what customers see of their seller, and nothing of
// the sellers above. A reseller has its own host names, company details, name servers,
// mail senders, colours, images, texts and languages; its customers never learn who runs
// the machines.
//
// # Brands
//
// A [Brand] belongs to one seller and is checked as a whole: [Brand.Normal] lists all
// faults at once. A [Manager] keeps brands in a [Store], which the stores of this module
// are, with a version against lost changes and an event for each change
// ("label.brand.changed"). A host name belongs to one brand only, and is one that can
// belong to somebody: not "com", "co.uk" or "localhost". With [Options.Sellers] a brand
// must be of a seller that there is, and [Manager.Above] returns the brands of all above.
//
//	brands, err := label.New(store, label.Options{Sellers: store})
//	b, err := brands.Put(ctx, label.Brand{Seller: "shop", Hosts: []string{"panel.shop.example"}, ...})
//
// Each kind of message has a sender of its own ([Brand.Sender]): who invoices come from
// need not be who answers tickets, and neither is the address to which the machines
// report failures. A brand that has no sender sends nothing; there is no falling back to
// a parent's.
//
// # Hosts
//
// [Manager.ResolveHost] finds the brand of a host name, however it is written. It
// answers from memory for [Options.TTL] at most. [Manager.Middleware] does so for each
// request; whoever asks for an IP address or an unknown host gets status 421 with
// nothing that tells who runs the machine.
//
//	http.ListenAndServe(addr, brands.Middleware(panel)) // label.FromContext in panel
//
// Two answers are not the middleware's: to a request that is no HTTP, and to
// "OPTIONS *", the server of net/http replies by itself, with nothing that names anybody.
// The certificate that is shown for an unknown name is the host application's to choose.
//
// A host that asks for it ([Options.Serves]) has the panels of sellers that sleep or are
// closed answered in the same way.
//
// # Looks
//
// A [Look] is how a brand looks: layers of files (skin, the seller's overrides, the
// parent's), of which the first that has a file counts. Its templates and texts are
// executed with a [Page]; what files define counts by layer as well. All other files are
// its [Look.Assets], an [io/fs.FS] to be served:
//
//	http.Handle("/assets/", http.StripPrefix("/assets/", http.FileServerFS(look.Assets())))
//
// Texts are catalogs of golang.org/x/text, with plural forms and the rules of BCP 47 for
// languages. A missing text is shown in brackets in tests and falls back silently in
// production ([Missing]); so do missing data and templates that are included and not
// there, which are faults in tests.
//
// Files of a [Layer] marked as inherited are shown only if nothing in them, or in their
// path, tells of the parents. They are scanned when the look is made, once for all looks
// that share [Verdicts]; requests look up what was found, by the file's content. Of files
// of texts each text is scanned. What is held back is listed by [Look.Withheld], so that a
// seller can be told what to override. That covers what lies in files. What a template
// says is known when it was executed: [Vet] executes them all and scans what comes out,
// and the seller's own templates and texts as they are written. A host application runs
// it when a seller changes its brand or look, and in its tests.
//
// # Whom a look trusts
//
// What a seller uploads is the work of a stranger:
//
//   - Templates end: [Look.Execute] bounds what they show, the texts that they make and the
//     nodes that they execute, and stops with its context. The size, number and depth of
//     templates, and the size of files of texts, are bounded when the look is made.
//   - Templates reach whatever [Page].Data reaches, methods included. Data MUST be plain
//     values: no handles, no rows with methods that write, nothing of other customers.
//   - File systems of layers MUST NOT lead out of them. Those of [os.Root] do not; that of
//     [os.DirFS] follows symbolic links to anywhere.
//   - Pages and assets run in browsers with all that the page's host name may do. Each
//     seller's panel has host names of its own, and sessions must not be shared between
//     them.
//   - How many files a layer has, and how large they are, is for the host application to
//     bound when it takes them.
//
// What lies in inherited layers is not thought to be hostile, but to tell by accident.
// The brands, the middleware's options and the host application are trusted.
//
// # Leaks
//
// [Leaks] is the test that a reseller's customers see nothing of the sellers above. It
// takes whatever they are shown ([Pages], [Respond], [Mail], [Document], [Zone],
// [Files]) and the parents' brands ([Manager.Above]), and returns each place where one of
// these occurs:
//
//   - the company's name, with and without its legal form; names of senders;
//   - lines of the postal address that have a number, the register number;
//   - hosts, name servers, hosts of links, and the registrable domains of all;
//   - mail addresses, also in the form that zones have; telephone numbers;
//   - at providers that others use as well ([LeakOptions].Shared) not the domain, but the
//     whole mail address, and the name in the path of a page;
//   - IP addresses and further names given in [LeakOptions].
//
// It reads bodies, all response headers and trailers, each part of a mail, and files in
// gzip and zip (documents of offices among them). It finds words in any case, with or
// without accents, with umlauts written as two letters or not, "and" as "&", numbers in
// groups, with other characters or none between the words of a name and any white space,
// as A-label or U-label, and through character references, tags within words, URL
// encoding, the escapes of JSON, JavaScript, style sheets and zones, quoted-printable,
// base64 (also of gzip and zlib), base32, hexadecimal, encoded words, continued parameters
// of headers, UTF-7, UTF-16 and Windows-1252, up to three upon another.
//
// Of PDF documents it reads the streams (flate, LZW, ASCII85, ASCIIHex, run lengths, with
// predictors of PNG), objects and files within streams, and what fonts and their maps say
// the letters are. Of pictures, fonts, sound and films, which it knows by their first
// bytes, it reads what they say of themselves and every string of four letters and more,
// in one encoding.
//
// Names of fewer than four letters count only where they stand alone, as they are
// written; longer ones count anywhere: "acmepanel" tells of Acme. Where a script does not
// divide words by spaces, nothing tells where a word begins, and names count anywhere.
// Words that may be shown are named in [LeakOptions.Allow].
//
// # What a leak test does not see
//
// These are reported as [LeakUnscanned], so that they are no proof: encrypted documents
// and archives; PDF with filters or predictors of other kinds, and text drawn with numbers
// of glyphs that no map explains; data of no kind that is known, brotli, zstd, 7z and rar
// among it; what inflates to more than 32 MiB, is nested deeper than five files, or has
// more ways to be read than the work that it may cause.
//
// These are not seen: what pictures show; the names within WOFF2 fonts; words shorter than
// four letters, and encodings upon another, in pictures and the like; letters of other
// alphabets that look alike, and digits that stand for letters; text that a script, a style
// sheet or a reversed direction of writing puts together; hexadecimal digits with anything
// between them; base32 over several lines, or behind other letters; UTF-32; names of DNS
// messages within base64; compressed data within anything but base64; more than three
// encodings upon another.
//
// The work is bounded: at most 256 bytes are read, decoded and searched for each byte of a
// text, and 2 MiB more for short ones. Pages take about half of that, dense programs two
// thirds.
//
// # Implementing a store
//
// See [Store] and [Rows], and package labeltest for the suite.
package label
